//! Logins from beginning to end: restored, listed, capped, ended and used up.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [S11] a_log_out_everywhere_turns_away_the_login_under_way),
    case!(Any Quick [S11] an_ended_parent_restores_nothing),
    case!(Any Quick [D13] a_token_that_was_logged_out_is_no_theft),
    case!(Any Quick [D12] an_ending_completes_though_its_caller_is_gone),
    case!(Any Quick [D3] a_one_time_token_works_once),
    case!(Any Quick [S8] ending_by_kind_and_by_login_ends_just_that),
    case!(Any Quick [S8] another_users_login_cannot_be_ended),
    case!(Any Quick [S8 D4] a_changed_credential_leaves_only_the_caller),
    case!(Any Quick [S9] a_login_is_listed_once_however_many_tokens_it_has),
    case!(Any Quick [S8] the_cap_ends_the_oldest_login),
    case!(Any Quick [D15] no_change_of_data_is_lost),
    case!(Any Quick [S10] a_purge_leaves_an_hour_to_fast_clocks needs [Purge]),
];

async fn a_log_out_everywhere_turns_away_the_login_under_way(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let (tokens, _) = case.tokens(&here, |builder| builder)?;
    let (other, _) = case.tokens(&there, |builder| builder)?;
    let under_way = tokens.begin_login(&subject("alice")).await?;
    let old = log_in(&tokens, "alice", Kind::SESSION).await?;
    let count = other.revoke_subject(&subject("alice"), Kinds::Any, Reason::Administrative).await?;
    same(S8, "records ended", &count, &1)?;
    rejected(S11, "the login under way", tokens.issue(&under_way, Kind::SESSION).await, Rejected::Fenced)?;
    let ended = Rejected::Revoked(Reason::Administrative);
    rejected(S8, "the old session", tokens.verify(Kind::SESSION, old.token.expose()).await, ended)?;
    let fresh = log_in(&tokens, "alice", Kind::SESSION).await?;
    accepted(S11, "a login begun afterwards", other.verify(Kind::SESSION, fresh.token.expose()).await)
        .map(drop)
}

/// No session can be restored from a token whose login has ended.
async fn an_ended_parent_restores_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    for removed in [false, true] {
        let remember = log_in(&tokens, "alice", Kind::REMEMBER).await?;
        let parent = accepted(S11, "a parent", tokens.verify(Kind::REMEMBER, remember.token.expose()).await)?;
        let session = accepted(S11, "a restored session", tokens.issue_from(&parent, Kind::SESSION).await)?;
        same(S11, "the login of a restored session", &session.login, &remember.login)?;
        if removed {
            accepted(S11, "a log-out", tokens.revoke(Kind::SESSION, session.token.expose()).await)?;
        } else {
            tokens.revoke_login(&subject("alice"), remember.login, Reason::LoggedOutElsewhere).await?;
        }
        let verdict = tokens.issue_from(&parent, Kind::SESSION).await;
        rejected(S11, "a session of an ended parent", verdict, Rejected::Fenced)?;
        let good = is_good(&tokens, Kind::SESSION, session.token.expose()).await?;
        hold(S8, !good, "a session outlived the log-out of its login")?;
    }
    Ok(())
}

/// A replaced token that logs its login out raises no alarm, and ends no other login.
async fn a_token_that_was_logged_out_is_no_theft(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let first = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let other = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let second = rotate(&tokens, first.token.expose()).await?;
    accepted(D13, "the successor", tokens.verify(Kind::REMEMBER, &second).await)?;
    clock.advance(MINUTE * 5);
    // Any token of a login can log it out, including a replaced one.
    accepted(D13, "a log-out", tokens.revoke(Kind::REMEMBER, first.token.expose()).await)?;
    for text in [first.token.expose(), &second] {
        let verdict = tokens.verify_and_rotate(Kind::REMEMBER, text).await;
        let calm = matches!(verdict, Err(Denied::Rejected(Rejected::Invalid | Rejected::Revoked(_))));
        hold(D13, calm, "a token that was logged out is neither invalid nor revoked")?;
    }
    accepted(D13, "another login", tokens.verify(Kind::REMEMBER, other.token.expose()).await).map(drop)
}

async fn an_ending_completes_though_its_caller_is_gone(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    for polls in 1..6 {
        let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
        let alice = subject("alice");
        {
            let revoke = tokens.revoke_login(&alice, issued.login, Reason::LoggedOutElsewhere);
            let mut revoke = std::pin::pin!(revoke);
            if let Some(ended) = step(revoke.as_mut(), polls).await {
                ended?;
            }
        }
        for tried in 0.. {
            if !is_good(&tokens, Kind::SESSION, issued.token.expose()).await? {
                break;
            }
            hold(D12, tried < 400, "an ending did not happen because its caller was dropped")?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(())
}

async fn a_one_time_token_works_once(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let (tokens, clock) = case.tokens(&here, |builder| builder)?;
    let (other, _) = case.tokens(&there, |builder| builder.clock(std::sync::Arc::clone(&clock)))?;
    let once = log_in(&tokens, "alice", Kind::ONE_TIME).await?;
    let late = log_in(&tokens, "alice", Kind::ONE_TIME).await?;
    let valid = accepted(D3, "its first use", tokens.consume(Kind::ONE_TIME, once.token.expose()).await)?;
    same(D3, "whose it is", &valid.subject().cloned(), &Some(subject("alice")))?;
    for node in [&other, &tokens, &other] {
        let verdict = node.consume(Kind::ONE_TIME, once.token.expose()).await;
        rejected(D3, "another use", verdict, Rejected::Spent)?;
    }
    clock.set(late.expires_at);
    let verdict = tokens.consume(Kind::ONE_TIME, late.token.expose()).await;
    rejected(D3, "a first use that comes too late", verdict, Rejected::Expired)?;
    tokens.purge().await?;
    let verdict = tokens.consume(Kind::ONE_TIME, once.token.expose()).await;
    hold(
        D3,
        matches!(verdict, Err(Denied::Rejected(_))),
        "a used token works again after its expiry and a purge",
    )
}

async fn ending_by_kind_and_by_login_ends_just_that(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let mut issued = Vec::new();
    for kind in [Kind::SESSION, Kind::REMEMBER, Kind::API_KEY, Kind::SESSION] {
        issued.push(log_in(&tokens, "alice", kind).await?);
    }
    let count = tokens.revoke_subject(&subject("alice"), Kind::REMEMBER, Reason::Administrative).await?;
    same(S8, "records of a kind ended", &count, &1)?;
    let count = tokens.revoke_login(&subject("alice"), issued[3].login, Reason::LoggedOutElsewhere).await?;
    same(S8, "records of a login ended", &count, &1)?;
    for (issued, good) in issued.iter().zip([true, false, true, false]) {
        let found = is_good(&tokens, issued.kind, issued.token.expose()).await?;
        same(S8, format_args!("whether a {} is still good", issued.kind), &found, &good)?;
    }
    Ok(())
}

async fn another_users_login_cannot_be_ended(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let alice = log_in(&tokens, "alice", Kind::SESSION).await?;
    log_in(&tokens, "mallory", Kind::SESSION).await?;
    let reason = Reason::LoggedOutElsewhere;
    let count = tokens.revoke_login(&subject("mallory"), alice.login, reason).await?;
    same(S8, "records of alice's that mallory ended", &count, &0)?;
    accepted(S8, "alice's session", tokens.verify(Kind::SESSION, alice.token.expose()).await).map(drop)
}

async fn a_changed_credential_leaves_only_the_caller(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, _) = case.tokens(&store, |builder| builder)?;
    let remember = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let parent = accepted(S8, "a parent", tokens.verify(Kind::REMEMBER, remember.token.expose()).await)?;
    let session = accepted(S8, "a session", tokens.issue_from(&parent, Kind::SESSION).await)?;
    let thief = log_in(&tokens, "alice", Kind::SESSION).await?;
    let reset = log_in(&tokens, "alice", Kind::ONE_TIME).await?;
    let key = log_in(&tokens, "alice", Kind::API_KEY).await?;
    let caller = accepted(S8, "the caller", tokens.verify(Kind::SESSION, session.token.expose()).await)?;
    let stamp = Stamp::of("new hash");
    let renewed = accepted(S8, "the change", tokens.credential_changed(&caller, Some(stamp)).await)?;
    same(S8, "tokens returned to the caller", &renewed.tokens.len(), &2)?;
    for old in [&remember, &session, &thief] {
        let good = is_good(&tokens, old.kind, old.token.expose()).await?;
        hold(S8, !good, format_args!("an old {} is still good after a change of the password", old.kind))?;
    }
    let verdict = tokens.consume(Kind::ONE_TIME, reset.token.expose()).await;
    hold(
        S8,
        matches!(verdict, Err(Denied::Rejected(_))),
        "a one-time token outlived a change of the password",
    )?;
    accepted(S8, "an API key", tokens.verify(Kind::API_KEY, key.token.expose()).await)?;
    let ended = renewed.ended.map_err(Stop::from)?;
    hold(S8, ended >= 3, format_args!("a change of the password ended {ended} others of 3 or more"))?;
    for new in renewed.tokens {
        let candidate = accepted(D4, "a new token", tokens.look_up(new.kind, new.token.expose()).await)?;
        accepted(D4, "a new token with the new stamp", candidate.verify(Some(&stamp)).await)?;
    }
    Ok(())
}

async fn a_login_is_listed_once_however_many_tokens_it_has(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let mut logins = Vec::new();
    for _ in 0..7 {
        clock.advance(MINUTE);
        let remember = log_in(&tokens, "alice", Kind::REMEMBER).await?;
        let parent = accepted(S9, "a parent", tokens.verify(Kind::REMEMBER, remember.token.expose()).await)?;
        let session = accepted(S9, "a session", tokens.issue_from(&parent, Kind::SESSION).await)?;
        let restored = accepted(S9, "a session", tokens.verify(Kind::SESSION, session.token.expose()).await)?;
        same(S9, "the origin of the login", &restored.origin(), &Origin::Restored)?;
        logins.insert(0, remember.login);
    }
    log_in(&tokens, "alice", Kind::API_KEY).await?;
    let ended = logins.remove(3);
    tokens.revoke_login(&subject("alice"), ended, Reason::LoggedOutElsewhere).await?;
    let mut query = ListQuery { limit: 2, current: Some(logins[1]), ..ListQuery::default() };
    let mut listed = Vec::new();
    for _ in 0..9 {
        let listing = tokens.list(&subject("alice"), &query).await?;
        listed.extend(listing.logins);
        query.after = listing.next;
        if query.after.is_none() {
            break;
        }
    }
    let current: Vec<_> = listed.iter().filter(|login| login.current).map(|login| login.login).collect();
    same(S9, "which login is the current one", &current, &vec![logins[1]])?;
    let found: Vec<_> = listed.iter().map(|login| login.login).collect();
    same(S9, "the logins, newest first", &found, &logins)?;
    let query = ListQuery { purpose: Purpose::Key, ..ListQuery::default() };
    same(S9, "number of keys", &tokens.list(&subject("alice"), &query).await?.logins.len(), &1)
}

async fn the_cap_ends_the_oldest_login(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let cap = NonZeroU32::MIN.saturating_add(2);
    let (tokens, clock) = case.tokens(&store, |builder| builder.max_logins(cap))?;
    let mut issued = Vec::new();
    for _ in 0..5 {
        clock.advance(MINUTE);
        issued.push(log_in(&tokens, "alice", Kind::SESSION).await?);
    }
    for (number, issued) in issued.iter().enumerate() {
        let verdict = tokens.verify(Kind::SESSION, issued.token.expose()).await;
        if number < 2 {
            rejected(S8, "a login beyond the cap", verdict, Rejected::Revoked(Reason::Evicted))?;
        } else {
            accepted(S8, "a login within the cap", verdict)?;
        }
    }
    Ok(())
}

async fn no_change_of_data_is_lost(case: CaseContext) -> CaseResult {
    let (here, there) = case.pair().await?;
    let (tokens, _) = case.tokens(&here, |builder| builder)?;
    let (other, _) = case.tokens(&there, |builder| builder)?;
    let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
    let text = issued.token.expose();
    let mut first = accepted(D15, "a session", tokens.verify(Kind::SESSION, text).await)?;
    let mut second = accepted(D15, "a session", other.verify(Kind::SESSION, text).await)?;
    for byte in 0..10 {
        accepted(D15, "a change", tokens.update_data(&mut first, |data| data.push(byte)).await)?;
        accepted(D15, "a change", other.update_data(&mut second, |data| data.push(byte + 100)).await)?;
    }
    let valid = accepted(D15, "a session", tokens.verify(Kind::SESSION, text).await)?;
    let expected: Vec<u8> = (0..10).flat_map(|byte| [byte, byte + 100]).collect();
    same(D15, "the data after 20 changes from two nodes", &tokens.data(&valid).await?.into_owned(), &expected)
}

/// `Tokens::purge` removes a record an hour after it is due, so that a fast clock harms no other node.
async fn a_purge_leaves_an_hour_to_fast_clocks(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let once = log_in(&tokens, "alice", Kind::ONE_TIME).await?;
    let session = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    clock.set(once.expires_at.saturating_add(HOUR - Duration::from_millis(1)));
    same(S10, "records purged within the margin", &tokens.purge().await?, &0)?;
    clock.advance(Duration::from_millis(1));
    // A purge may skip a locked row; the next one finds it.
    let mut removed = 0;
    for _ in 0..IDLE {
        removed += tokens.purge().await?;
        if removed > 0 {
            break;
        }
    }
    same(S10, "records purged after it", &removed, &1)?;
    hold(S10, store.find(once.token.selector()).await?.is_none(), "what was purged is still there")?;
    accepted(S10, "a living token", tokens.verify(Kind::REMEMBER, session.token.expose()).await).map(drop)
}
