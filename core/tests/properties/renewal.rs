//! Properties of renewals in any order, by the owner and by a holder of a copy, also with tokens verified long
//! before.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hallpass_core::{
    Authentication, Denied, Issued, Kind, ListQuery, LoginId, ManualClock, MemoryStore, Reason, Rejected,
    Selector, Subject, Timestamp, Tokens, Valid,
};
use proptest::prelude::*;
use proptest::sample::Index;

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
enum Call {
    LogIn {
        remember: bool,
    },
    /// Verifies a token that was handed out, and keeps the result: the owner's request, or the copy's.
    Verify(Index),
    /// This and the following use a result that was kept before.
    Restore(Index),
    Others(Index),
    Changed(Index),
    StepUp(Index),
    Update(Index),
    LogOut(Index),
    Advance(u8),
}

fn call() -> impl Strategy<Value = Call> {
    let index = any::<Index>;
    prop_oneof![
        2 => any::<bool>().prop_map(|remember| Call::LogIn { remember }),
        6 => index().prop_map(Call::Verify),
        2 => index().prop_map(Call::Restore),
        3 => index().prop_map(Call::Others),
        1 => index().prop_map(Call::Changed),
        2 => index().prop_map(Call::StepUp),
        1 => index().prop_map(Call::Update),
        1 => index().prop_map(Call::LogOut),
        2 => (1_u8..20).prop_map(Call::Advance),
    ]
}

struct Story {
    tokens: Tokens,
    clock: Arc<ManualClock>,
    alice: Subject,
    handed_out: Vec<Issued>,
    verified: Vec<Valid>,
    /// The records whose renewal succeeded.
    renewed: BTreeSet<Selector>,
}

impl Story {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let tokens = Tokens::builder(MemoryStore::new()).clock(clock.clone()).build().unwrap();
        let alice = Subject::new("alice").unwrap();
        Self { tokens, clock, alice, handed_out: Vec::new(), verified: Vec::new(), renewed: BTreeSet::new() }
    }

    async fn live(&self) -> BTreeSet<LoginId> {
        let list = self.tokens.list(&self.alice, &ListQuery::default()).await.unwrap();
        list.logins.into_iter().map(|login| login.login).collect()
    }

    async fn play(&mut self, call: &Call) {
        match call {
            Call::LogIn { remember } => {
                let login = self.tokens.begin_login(&self.alice).await.unwrap();
                self.handed_out.push(self.tokens.issue(&login, Kind::SESSION).await.unwrap());
                if *remember {
                    self.handed_out.push(self.tokens.issue(&login, Kind::REMEMBER).await.unwrap());
                }
            }
            Call::Verify(at) if !self.handed_out.is_empty() => {
                let token = at.get(&self.handed_out);
                self.verified.extend(self.tokens.verify(token.kind, token.token.expose()).await);
            }
            Call::Restore(at) if !self.verified.is_empty() => {
                let parent = at.get(&self.verified);
                self.handed_out.extend(self.tokens.issue_from(parent, Kind::SESSION).await);
            }
            Call::Update(at) if !self.verified.is_empty() => {
                let at = at.index(self.verified.len());
                let valid = &mut self.verified[at];
                self.tokens.update_data(valid, |data| data.push(1)).await.map_err(verdict).ok();
            }
            Call::LogOut(at) if !self.handed_out.is_empty() => {
                let token = at.get(&self.handed_out);
                self.tokens.revoke(token.kind, token.token.expose()).await.map_err(verdict).ok();
            }
            Call::Others(at) | Call::Changed(at) | Call::StepUp(at) if !self.verified.is_empty() => {
                self.renew(call, at.index(self.verified.len())).await;
            }
            Call::Advance(minutes) => self.clock.advance(MINUTE * u32::from(*minutes)),
            _ => {}
        }
    }

    async fn renew(&mut self, call: &Call, at: usize) {
        let caller = &self.verified[at];
        let before = self.live().await;
        let good = match call {
            Call::Others(_) => self.tokens.revoke_others(caller).await,
            Call::Changed(_) => self.tokens.credential_changed(caller, None).await,
            _ => self.tokens.authenticated_again(caller, Authentication::new().level("aal2")).await,
        };
        let after = self.live().await;
        let renewed = match good {
            Ok(renewed) => renewed,
            Err(denied) => {
                let rejected = verdict(denied);
                assert_eq!(after, before, "a call that gets no token ends nothing");
                if self.renewed.contains(&caller.selector()) {
                    let known = matches!(rejected, Rejected::Revoked(Reason::Superseded) | Rejected::Invalid);
                    assert!(known || rejected == Rejected::Expired, "{rejected:?}");
                }
                return;
            }
        };
        renewed.ended.as_ref().unwrap();
        assert!(self.renewed.insert(caller.selector()), "one renewal for each record");
        let (old, new) = (caller.login(), renewed.tokens[0].login);
        assert!(before.contains(&old), "the caller was live");
        let expected: BTreeSet<LoginId> = match call {
            Call::StepUp(_) => before.iter().copied().filter(|login| *login != old).chain([new]).collect(),
            _ => [new].into(),
        };
        assert_eq!(after, expected, "exactly what is to stay stays");
        for token in &renewed.tokens {
            assert_eq!(token.login, new);
            let mut olds = self.handed_out.iter().filter(|old| old.kind == token.kind);
            assert!(olds.any(|old| old.expires_at >= token.expires_at), "no longer than an old one");
        }
        let dead = |token: &&Issued| !after.contains(&token.login);
        for token in self.handed_out.iter().filter(dead) {
            let verdict = self.tokens.verify(token.kind, token.token.expose()).await;
            assert!(verdict.is_err(), "held before, and good after");
        }
        for token in &renewed.tokens {
            self.tokens.verify(token.kind, token.token.expose()).await.unwrap();
        }
        self.handed_out.extend(renewed.tokens);
    }
}

fn verdict(denied: Denied) -> Rejected {
    match denied {
        Denied::Rejected(rejected) => rejected,
        Denied::Failed(failure) => panic!("{failure:?}"),
    }
}

proptest! {
    #[test]
    fn one_renewal_wins_and_whatever_was_held_before_is_dead(
        calls in prop::collection::vec(call(), 1..60),
    ) {
        crate::block_on(async {
            let mut story = Story::new();
            let login = story.tokens.begin_login(&story.alice).await.unwrap();
            let key = story.tokens.issue(&login, Kind::API_KEY).await.unwrap();
            story.play(&Call::LogIn { remember: true }).await;
            for call in &calls {
                story.play(call).await;
            }
            story.tokens.verify(Kind::API_KEY, key.token.expose()).await.expect("keys stay");
        });
    }
}
