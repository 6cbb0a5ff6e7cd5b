//! The calls that a node makes for users.

use hallpass_core::{
    Authentication, Issued, Kind, Purposes, Reason, Rejected, Renewed, Subject, Tokens, error_chain,
};

use crate::clock::now;
use crate::line::{Deed, Report, Secret, Verb};

/// Makes the call `number`, and returns what to report.
pub(crate) async fn perform(tokens: &Tokens, number: u64, deed: &Deed) -> Report {
    match call(tokens, deed).await {
        Ok(made) => Report::Done { number, at: now(), tokens: made },
        Err(why) => Report::Failed { number, why },
    }
}

/// Makes a call that succeeds only if it ended, or issued, everything that its verb says.
async fn call(tokens: &Tokens, deed: &Deed) -> Result<Vec<Secret>, String> {
    let subject = Subject::new(deed.user.as_str()).map_err(|error| failed(&error))?;
    match deed.verb {
        Verb::LogIn => log_in(tokens, &subject, &[Kind::SESSION]).await,
        Verb::LogInRemembered => log_in(tokens, &subject, &[Kind::SESSION, Kind::REMEMBER]).await,
        Verb::RevokeSubject => {
            let ended = tokens.revoke_subject(&subject, Purposes::NOT_KEYS, Reason::Administrative).await;
            ended.map(|_| Vec::new()).map_err(|error| failed(&error))
        }
        Verb::Forget => {
            let ended = tokens.forget_subject(&subject).await;
            ended.map(|_| Vec::new()).map_err(|error| failed(&error))
        }
        Verb::Purge => {
            let purged = tokens.purge().await;
            purged.map(|_| Vec::new()).map_err(|error| failed(&error))
        }
        verb => {
            let presented = deed.token.as_ref().ok_or("the call needs a token")?;
            with_token(tokens, verb, &subject, presented).await
        }
    }
}

async fn log_in(tokens: &Tokens, subject: &Subject, kinds: &[Kind]) -> Result<Vec<Secret>, String> {
    let login = tokens.begin_login(subject).await.map_err(|error| failed(&error))?;
    let mut issued = Vec::new();
    for kind in kinds {
        issued.push(secret(&tokens.issue(&login, *kind).await.map_err(|error| failed(&error))?));
    }
    Ok(issued)
}

async fn with_token(
    tokens: &Tokens,
    verb: Verb,
    subject: &Subject,
    Secret { kind, text }: &Secret,
) -> Result<Vec<Secret>, String> {
    match verb {
        Verb::Revoke => tokens.revoke(*kind, text).await.map(|()| Vec::new()).map_err(|error| failed(&error)),
        Verb::Rotate => rotate(tokens, *kind, text).await,
        Verb::Replay => match tokens.verify_and_rotate(*kind, text).await {
            Err(denied) if denied.rejection() == Some(Rejected::Reused) => Ok(Vec::new()),
            Err(denied) => Err(failed(&denied)),
            Ok(_) => Err("a replay was accepted".to_owned()),
        },
        verb => {
            let caller = tokens.exact().verify(*kind, text).await.map_err(|error| failed(&error))?;
            let renewed = match verb {
                Verb::AuthenticateAgain => {
                    tokens.authenticated_again(&caller, Authentication::new().method("otp")).await
                }
                Verb::ChangeCredential => tokens.credential_changed(&caller, None).await,
                Verb::RevokeOthers => tokens.revoke_others(&caller).await,
                _ => {
                    let ended = tokens.revoke_login(subject, caller.login(), Reason::LoggedOut).await;
                    return ended.map(|_| Vec::new()).map_err(|error| failed(&error));
                }
            };
            let Renewed { tokens, ended } = renewed.map_err(|error| failed(&error))?;
            ended.map_err(|error| failed(&error))?;
            Ok(tokens.iter().map(secret).collect())
        }
    }
}

/// Rotates a token and presents its successor, so that the client is known to have it. Returns nothing if no rotation
/// was due.
async fn rotate(tokens: &Tokens, kind: Kind, text: &str) -> Result<Vec<Secret>, String> {
    let valid = tokens.verify_and_rotate(kind, text).await.map_err(|error| failed(&error))?;
    let Some(successor) = valid.successor else { return Ok(Vec::new()) };
    tokens.exact().verify(kind, successor.token.expose()).await.map_err(|error| failed(&error))?;
    Ok(vec![secret(&successor)])
}

fn secret(issued: &Issued) -> Secret {
    Secret { kind: issued.kind, text: issued.token.expose().to_owned() }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> String {
    error_chain(error)
}
