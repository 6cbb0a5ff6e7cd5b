//! Attacks on the contract: each test asserts what a clause promises.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::{
    Action, Admission, Authentication, Body, Change, Denied, Epoch, EventKind, Failure, Fence, Insert,
    Issued, KeyId, Keyring, Kind, Kinds, Listed, LoginId, MemoryStore, Note, Origin, Page, Purged, Reason,
    Record, Rejected, Renewed, Replace, Revision, Revocation, Selector, StoreError, Subject, Timestamp,
    TokenStore, Tokens, Valid,
};

use crate::fixture::{DAY, HOUR, SECOND, World, alice};
use crate::gate::Call;

fn text(issued: &Issued) -> &str {
    issued.token.expose()
}

fn keyed() -> World {
    World::with(|builder| builder.keyring(Keyring::new(KeyId::new(1).unwrap(), &[7; 32]).unwrap()))
}

fn capped(max: u32) -> World {
    World::with(|builder| builder.max_logins(NonZeroU32::new(max).unwrap()))
}

fn bob() -> Subject {
    Subject::new("bob").unwrap()
}

/// Where the body keeps how the subject authenticated: 0 by itself, 1 restored.
const ORIGIN: usize = 1 + 1 + 8 + 36 + 16 + 8;

fn with_origin(record: &Record, origin: u8) -> Body {
    let mut bytes = record.body.as_bytes().to_vec();
    bytes[ORIGIN] = origin;
    Body::new(bytes).unwrap()
}

async fn stored(world: &World, issued: &Issued) -> Record {
    world.gate.store.find(issued.token.selector()).await.unwrap().unwrap()
}

/// What a writer of the database can do: put any bytes anywhere.
async fn put(world: &World, record: &Record) {
    world.gate.store.delete(record.selector, &Note::none()).await.unwrap();
    let put = world.gate.store.insert(record, Fence::None).await.unwrap();
    assert!(matches!(put, Insert::Inserted { .. }));
}

async fn pair(world: &World) -> (Issued, Issued) {
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    (session, remember)
}

async fn live(world: &World) -> Vec<LoginId> {
    let list = world.tokens.list(&alice(), &Default::default()).await.unwrap();
    list.logins.into_iter().map(|login| login.login).collect()
}

/// T3: under a keyring a writer of the database makes no token for a subject of its choice.
#[tokio::test]
async fn a_writer_gets_no_subject_through_update_data() {
    let world = keyed();
    let mine = world.log_in(Kind::SESSION).await;
    let mut valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let mut forged = stored(&world, &mine).await;
    forged.subject = Some(bob());
    forged.revision = forged.revision.next();
    put(&world, &forged).await;
    let changed = world.tokens.update_data(&mut valid, |data| data.push(1)).await;
    assert_eq!(valid.subject(), Some(&alice()), "after update_data: {changed:?}");
    let minted = world.tokens.issue_from(&valid, Kind::SESSION).await;
    if let Ok(minted) = minted {
        let whose = world.verify(Kind::SESSION, text(&minted)).await.unwrap();
        assert_eq!(whose.subject(), Some(&alice()));
    }
}

/// The same story as far as it goes: a good token of bob.
#[tokio::test]
async fn a_writer_mints_no_token_of_a_victim_through_update_data() {
    let world = keyed();
    let mine = world.log_in(Kind::SESSION).await;
    let mut valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let mut forged = stored(&world, &mine).await;
    forged.subject = Some(bob());
    forged.revision = forged.revision.next();
    put(&world, &forged).await;
    drop(world.tokens.update_data(&mut valid, |data| data.push(1)).await);
    if let Ok(minted) = world.tokens.issue_from(&valid, Kind::SESSION).await {
        let whose = world.verify(Kind::SESSION, text(&minted)).await.map(|valid| valid.subject().cloned());
        assert_ne!(whose, Ok(Some(bob())), "a signed token of the victim");
    }
}

/// T3: a restored session does not become an authenticated one.
#[tokio::test]
async fn a_writer_changes_no_fact_through_a_renewal_of_the_changed_row() {
    let world = keyed();
    let remember = world.log_in(Kind::REMEMBER).await;
    let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let session = world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    let valid = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    assert_eq!(valid.origin(), Origin::Restored);
    let mut forged = stored(&world, &session).await;
    forged.body = with_origin(&forged, 0);
    put(&world, &forged).await;
    if let Ok(renewed) = world.tokens.revoke_others(&valid).await {
        let new = renewed.tokens.iter().find(|issued| issued.kind == Kind::SESSION).unwrap();
        let new = world.verify(Kind::SESSION, text(new)).await.unwrap();
        assert_eq!(new.origin(), Origin::Restored);
    }
}

/// T3: a row that a writer plants in its own login gets the writer another device kind of its own, and no more. It
/// says less than the caller's token proved, whatever it says of itself.
#[tokio::test]
async fn a_planted_row_gets_no_fact_that_the_caller_did_not_prove() {
    let world = keyed();
    let remember = world.log_in(Kind::REMEMBER).await;
    let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let mine = world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    let mut planted = stored(&world, &remember).await;
    world.gate.store.delete(planted.selector, &Note::none()).await.unwrap();
    world.advance(HOUR / 6);
    // Another login of the same subject, with what the writer wants: fresh, strong, bound to a key and a stamp.
    let other = world.tokens.begin_login(&alice()).await.unwrap();
    let wanted = world
        .tokens
        .issue(&other, Kind::REMEMBER)
        .authentication(Authentication::new().level("aal2"))
        .binding([6; 32])
        .stamp(hallpass_core::Stamp::of(b"present"));
    let wanted = stored(&world, &wanted.await.unwrap()).await;
    planted.body = wanted.body;
    planted.expires_at = planted.created_at.saturating_add(365 * DAY);
    planted.purge_at = planted.expires_at;
    planted.idle_at = None;
    put(&world, &planted).await;
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let renewed = world.tokens.revoke_others(&valid).await.unwrap();
    let new = renewed.tokens.iter().find(|issued| issued.kind == Kind::REMEMBER).unwrap();
    let copy = world.verify(Kind::REMEMBER, text(new)).await.expect("no stamp to compare");
    assert_eq!((copy.subject(), copy.origin()), (Some(&alice()), Origin::Restored));
    assert_eq!((copy.binding(), copy.auth_at()), (None, valid.auth_at()));
    assert!(copy.authentication().is_empty());
    let allowed = 30 * DAY;
    assert!(copy.absolute_expiry() <= planted.created_at.saturating_add(allowed));
}

/// T3, over a store whose index is not its rows: a list of alice shows a row of bob.
#[tokio::test]
async fn a_writer_gets_no_subject_through_a_row_in_another_list() {
    let world = keyed();
    let mine = world.log_in(Kind::SESSION).await;
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let mut planted = stored(&world, &mine).await;
    planted.selector.0[15] ^= 1;
    planted.kind = Kind::REMEMBER;
    put(&world, &planted).await;
    // The index keeps its entry under alice, the row says bob: MemoryStore's put moves no index entry.
    let mut row = planted.clone();
    row.subject = Some(bob());
    row.revision = row.revision.next();
    let put = world.gate.store.replace(&row, planted.revision, Change::Update).await.unwrap();
    assert_eq!(put, Replace::Replaced);
    let renewed = world.tokens.revoke_others(&valid).await;
    for issued in renewed.iter().flat_map(|renewed| &renewed.tokens) {
        let whose = world.verify(issued.kind, text(issued)).await.map(|valid| valid.subject().cloned());
        assert_ne!(whose, Ok(Some(bob())), "a signed token of the victim");
    }
}

/// A store in which every replace loses, as under a flood of writes, and an ending takes five seconds (S12).
#[derive(Clone, Debug)]
struct Flooded(MemoryStore);

#[async_trait]
impl TokenStore for Flooded {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.0.insert(record, fence).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        self.0.find(selector).await
    }
    async fn replace(&self, _: &Record, _: Revision, _: Change<'_>) -> Result<Replace, StoreError> {
        Ok(Replace::Conflict)
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.0.delete(selector, note).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        if let Action::Mark { .. } = revocation.action {
            tokio::time::sleep(5 * SECOND).await;
        }
        self.0.revoke_by_subject(subject, revocation).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.0.list_by_subject(subject, page).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.0.epoch(subject, fresh, keep, now).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.purge_expired(now, limit).await
    }
}

async fn flooded() -> (Tokens, Valid, Valid) {
    let tokens = Tokens::builder(Flooded(MemoryStore::new())).build().unwrap();
    let login = tokens.begin_login(&alice()).await.unwrap();
    let mine = tokens.issue(&login, Kind::SESSION).await.unwrap();
    let owner = tokens.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let copy = tokens.verify(Kind::SESSION, text(&mine)).await.unwrap();
    (tokens, owner, copy)
}

/// "Of calls at once at most one wins", and who has not won is given nothing.
#[tokio::test(start_paused = true)]
async fn of_two_step_ups_under_a_flood_of_writes_none_makes_a_second_login() {
    let (tokens, owner, copy) = flooded().await;
    let how = || Authentication::new().level("aal2");
    let (one, two) =
        tokio::join!(tokens.authenticated_again(&owner, how()), tokens.authenticated_again(&copy, how()));
    assert_contended(&tokens, &[one, two]).await;
}

/// The same where the rest of the subject ends.
#[tokio::test(start_paused = true)]
async fn of_two_renewals_under_a_flood_of_writes_none_makes_a_second_login() {
    let (tokens, owner, copy) = flooded().await;
    let (one, two) = tokio::join!(tokens.revoke_others(&owner), tokens.revoke_others(&copy));
    assert_contended(&tokens, &[one, two]).await;
}

/// None has won, so nothing is handed out, and the login that was copied is ended (D12).
async fn assert_contended(tokens: &Tokens, answers: &[Result<Renewed, Denied>]) {
    for answer in answers {
        let lost = match answer {
            Err(Denied::Failed(failure)) => matches!(failure, Failure::Contended),
            // The other one has ended the login in between.
            Err(Denied::Rejected(rejected)) => matches!(rejected, Rejected::Revoked(_)),
            Ok(_) => false,
        };
        assert!(lost, "{answers:?}");
    }
    assert!(answers.iter().any(|answer| matches!(answer, Err(Denied::Failed(_)))), "{answers:?}");
    let list = tokens.list(&alice(), &Default::default()).await.unwrap();
    assert!(list.logins.is_empty(), "{list:?}");
}

/// "Whatever is acknowledged is ended."
#[tokio::test]
async fn a_kind_that_was_ended_meanwhile_is_not_renewed() {
    let world = World::new();
    let (session, remember) = pair(&world).await;
    let caller = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let held = world.gate.hold_once(Call::Insert);
    let renewal = world.tokens.authenticated_again(&caller, Authentication::new().level("aal2"));
    let ending = async {
        held.arrival().await;
        let what = Kinds::Only(vec![Kind::SESSION]);
        let ended = world.tokens.revoke_subject(&alice(), what, Reason::Administrative).await.unwrap();
        held.release();
        ended
    };
    let (renewed, ended) = tokio::join!(renewal, ending);
    assert_eq!(ended, 1, "acknowledged");
    assert!(world.verify(Kind::SESSION, text(&session)).await.is_err());
    let renewed = renewed.unwrap();
    let session = renewed.tokens.iter().find(|issued| issued.kind == Kind::SESSION);
    if let Some(session) = session {
        let verdict = world.verify(Kind::SESSION, text(session)).await;
        assert!(verdict.is_err(), "all sessions were ended, and a copy of one is good");
    }
}

/// "update_data … so that neither change is lost."
#[tokio::test]
async fn a_renewal_loses_no_data_of_the_other_kind() {
    let world = World::new();
    let (session, remember) = pair(&world).await;
    let caller = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let mut shop = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    let held = world.gate.hold_once(Call::Insert);
    let renewal = world.tokens.authenticated_again(&caller, Authentication::new().level("aal2"));
    let buys = async {
        held.arrival().await;
        world.tokens.update_data(&mut shop, |data| data.extend(b"cart")).await.unwrap();
        held.release();
    };
    let (renewed, ()) = tokio::join!(renewal, buys);
    let renewed = renewed.unwrap();
    let session = renewed.tokens.iter().find(|issued| issued.kind == Kind::SESSION).unwrap();
    let valid = world.verify(Kind::SESSION, text(session)).await.unwrap();
    assert_eq!(&*world.tokens.data(&valid).await.unwrap(), b"cart", "it was acknowledged");
}

/// "An issue can name older tokens that the same browser still sends; their logins are ended."
#[tokio::test]
async fn a_key_and_a_session_of_one_login_are_both_replaced() {
    for key_first in [true, false] {
        let world = World::new();
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        let key = world.tokens.issue(&login, Kind::API_KEY).await.unwrap();
        let again = world.tokens.begin_login(&alice()).await.unwrap();
        let issue = world.tokens.issue(&again, Kind::SESSION);
        let issue = match key_first {
            true => issue.replaces(Kind::API_KEY, text(&key)).replaces(Kind::SESSION, text(&session)),
            false => issue.replaces(Kind::SESSION, text(&session)).replaces(Kind::API_KEY, text(&key)),
        };
        issue.await.unwrap();
        assert!(world.verify(Kind::SESSION, text(&session)).await.is_err(), "key first: {key_first}");
        assert!(world.verify(Kind::API_KEY, text(&key)).await.is_err(), "key first: {key_first}");
    }
}

#[tokio::test]
async fn what_is_left_of_the_login_of_an_individually_ended_token_is_replaced() {
    let world = World::new();
    let (session, remember) = pair(&world).await;
    let sessions = Kinds::Only(vec![Kind::SESSION]);
    world.tokens.revoke_kinds_of_login(&alice(), session.login, sessions, Reason::LoggedOut).await.unwrap();
    let again = world.tokens.begin_login(&alice()).await.unwrap();
    world.tokens.issue(&again, Kind::SESSION).replaces(Kind::SESSION, text(&session)).await.unwrap();
    assert!(world.verify(Kind::REMEMBER, text(&remember)).await.is_err(), "its login was to end");
}

/// "An issue that fails leaves no record; where one cannot be removed, an event says so."
#[tokio::test]
async fn an_issue_of_unknown_outcome_that_fails_leaves_no_record() {
    let world = World::new();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    world.told();
    world.gate.unknown(Call::Insert);
    world.gate.down(Call::Find);
    let failed = world.tokens.issue(&login, Kind::SESSION).await;
    assert!(matches!(failed, Err(Denied::Failed(_))));
    world.gate.up();
    let told = world.events();
    let left = live(&world).await.len();
    assert!(left == 0 || told.contains(&EventKind::Abandoned), "{left} left, told {told:?}");
}

/// "Every ending is told once."
#[tokio::test]
async fn a_log_out_that_is_sent_twice_at_once_is_told_once() {
    for anonymous in [false, true] {
        let world = World::new();
        let login = match anonymous {
            true => world.tokens.begin_anonymous().unwrap(),
            false => world.tokens.begin_login(&alice()).await.unwrap(),
        };
        let mine = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        world.told();
        world.gate.meet(Call::Find, 2);
        let revoke = || world.tokens.revoke(Kind::SESSION, text(&mine));
        let (one, two) = tokio::join!(revoke(), revoke());
        assert!(one.is_ok() || two.is_ok());
        let told = world.told();
        let ended = |told: &&crate::fixture::Told| told.kind == EventKind::Revoked(Reason::LoggedOut);
        let counts: Vec<_> = told.iter().filter(ended).map(|told| told.count).collect();
        assert_eq!(counts, [1], "anonymous: {anonymous}");
    }
}

/// "Exactly the newest `max_logins` logins of a subject stay": a login that renews itself is one login.
#[tokio::test]
async fn a_renewal_beside_a_login_at_the_cap_costs_no_login() {
    let world = capped(2);
    let mine = world.log_in(Kind::SESSION).await;
    let owner = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    world.advance(SECOND);
    let held = world.gate.hold_once(Call::Replace);
    let renewal = world.tokens.authenticated_again(&owner, Authentication::new().level("aal2"));
    let other = async {
        held.arrival().await;
        world.advance(SECOND);
        let other = world.log_in(Kind::SESSION).await;
        held.release();
        other
    };
    let (renewed, _other) = tokio::join!(renewal, other);
    assert_eq!(live(&world).await.len(), 2, "the cap is two, and there were two: {renewed:?}");
}

/// "A login that was ended … issues nothing", and exactly the newest logins stay.
#[tokio::test]
async fn a_second_token_that_is_under_way_does_not_outlive_an_eviction() {
    let world = capped(1);
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let held = world.gate.hold_once(Call::Insert);
    let slow = world.tokens.issue(&login, Kind::REMEMBER);
    let meanwhile = async {
        held.arrival().await;
        let first = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        world.advance(SECOND);
        let newer = world.log_in(Kind::SESSION).await;
        assert!(world.verify(Kind::SESSION, text(&first)).await.is_err(), "evicted");
        held.release();
        newer
    };
    let (slow, newer) = tokio::join!(slow, meanwhile);
    assert_eq!(live(&world).await, [newer.login], "the slow token: {slow:?}");
}

#[tokio::test]
async fn a_second_token_that_is_under_way_does_not_outlive_a_log_out() {
    let world = World::new();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let held = world.gate.hold_once(Call::Insert);
    let slow = world.tokens.issue(&login, Kind::REMEMBER);
    let meanwhile = async {
        held.arrival().await;
        let first = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        world.tokens.revoke(Kind::SESSION, text(&first)).await.unwrap();
        held.release();
    };
    let (slow, ()) = tokio::join!(slow, meanwhile);
    assert_eq!(live(&world).await.len(), 0, "the slow token: {slow:?}");
}

/// "A login that was ended issues nothing": its single-use token was the first.
#[tokio::test]
async fn a_pending_login_that_was_cancelled_issues_nothing() {
    let world = World::new();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let pending = world.tokens.issue(&login, Kind::ONE_TIME).data(login.encode()).await.unwrap();
    world.tokens.revoke(Kind::ONE_TIME, text(&pending)).await.unwrap();
    let late = world.tokens.issue(&login, Kind::SESSION).await;
    assert!(late.is_err(), "its login was ended by `revoke`");
}

/// A renewed record "expires no later than its old one".
#[tokio::test]
async fn a_renewal_moves_no_idle_expiry_of_a_token_that_was_not_shown() {
    let world = World::new();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    let before = stored(&world, &remember).await.idle_at.unwrap();
    world.advance(HOUR / 2);
    let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
    let caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    let renewed = world.tokens.revoke_others(&caller).await.unwrap();
    let new = renewed.tokens.iter().find(|issued| issued.kind == Kind::REMEMBER).unwrap();
    let after = stored(&world, new).await.idle_at.unwrap();
    assert!(after <= before, "{after:?} is after {before:?}");
}

/// "Every ending is told once, from the task that writes it, though the caller's future was dropped."
#[tokio::test]
async fn a_single_use_token_that_was_spent_is_told_though_its_caller_is_gone() {
    let world = World::new();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let single = world.tokens.issue(&login, Kind::ONE_TIME).await.unwrap();
    world.told();
    // It has done its work and waits for a second call that never comes.
    world.gate.meet(Call::Replace, 2);
    {
        let mut consume = Box::pin(world.tokens.consume(Kind::ONE_TIME, text(&single)));
        let waited = tokio::time::timeout(SECOND / 10, &mut consume).await;
        assert!(waited.is_err());
    }
    assert_eq!(stored(&world, &single).await.revoked, Some(Reason::Spent));
    let other = world.tokens.issue(&login, Kind::ONE_TIME).await.unwrap();
    world.tokens.consume(Kind::ONE_TIME, text(&other)).await.unwrap();
    tokio::time::sleep(SECOND / 10).await;
    let consumed = world.events().into_iter().filter(|kind| *kind == EventKind::Consumed).count();
    assert_eq!(consumed, 2, "two were spent");
}

/// A renewal gives the caller what it held, not what a copy of its token made meanwhile.
#[tokio::test]
async fn a_renewal_takes_no_binding_or_data_from_a_record_that_a_copy_restored() {
    let world = World::new();
    let (session, remember) = pair(&world).await;
    world.advance(SECOND);
    let thief = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    let planted = world.tokens.issue_from(&thief, Kind::REMEMBER).binding([6; 32]).data("evil");
    let planted = planted.await.unwrap();
    let owner = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
    let renewed = world.tokens.revoke_others(&owner).await.unwrap();
    assert!(world.verify(Kind::REMEMBER, text(&planted)).await.is_err());
    let new = renewed.tokens.iter().find(|issued| issued.kind == Kind::REMEMBER).unwrap();
    let valid = world.verify(Kind::REMEMBER, text(new)).await.unwrap();
    assert_eq!(valid.binding(), None, "the thief's key");
    assert_eq!(&*world.tokens.data(&valid).await.unwrap(), b"");
}

/// A change that is acknowledged was made once.
#[tokio::test]
async fn a_change_of_unknown_outcome_is_not_made_twice() {
    let world = World::new();
    let mine = world.log_in(Kind::SESSION).await;
    let mut one = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let mut two = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    world.gate.unknown(Call::Replace);
    let held = world.gate.hold_once(Call::Find);
    let first = world.tokens.update_data(&mut one, |data| data.push(b'1'));
    let second = async {
        held.arrival().await;
        world.gate.up();
        world.tokens.update_data(&mut two, |data| data.push(b'2')).await.unwrap();
        held.release();
    };
    let (first, ()) = tokio::join!(first, second);
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let data = world.tokens.data(&valid).await.unwrap();
    assert!(first.is_err() || *data == *b"12", "acknowledged, and the data are {data:?}");
}

/// A restore does not end the token that restores.
#[tokio::test]
async fn the_parent_is_not_what_a_restore_supersedes() {
    let world = World::with(|builder| builder.max_records_per_login(NonZeroU32::new(3).unwrap()));
    let session = world.log_in(Kind::SESSION).await;
    let valid = world.verify(Kind::SESSION, text(&session)).await.unwrap();
    // "Remember me" is ticked later.
    let remember = world.tokens.issue_from(&valid, Kind::REMEMBER).await.unwrap();
    for _ in 0..2 {
        world.advance(SECOND);
        let parent = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
        world.tokens.issue_from(&parent, Kind::SESSION).await.unwrap();
    }
    world.verify(Kind::REMEMBER, text(&remember)).await.expect("it restored what is newest");
}

/// A theft of another token ends a key only where the policy ends the subject.
#[tokio::test]
async fn a_theft_that_ends_the_subject_ends_its_keys() {
    let policy = crate::fixture::strict().reuse_ends(hallpass_core::Scope::Subject);
    let world = World::with(|builder| builder.policy(policy));
    let key = world.log_in(Kind::API_KEY).await;
    let old = world.log_in(Kind::REMEMBER).await;
    let new = world.next(text(&old)).await;
    world.verify(Kind::REMEMBER, &new).await.unwrap();
    world.advance(HOUR);
    assert_eq!(world.rotate(text(&old)).await, Err(Rejected::Reused));
    let ended = world.verify(Kind::API_KEY, text(&key)).await.unwrap_err();
    assert_eq!(ended, Rejected::Revoked(Reason::Reused));
}

/// A log-out of a lapsed login, of a stolen one, and of a spent token under every failure: no panic, no secret.
#[tokio::test]
async fn hostile_text_and_contexts_are_answered() {
    let world = World::new();
    let mine = world.log_in(Kind::SESSION).await;
    let good = text(&mine).to_owned();
    let mut texts = vec![String::new(), "\0".repeat(66), "é".repeat(33), "🦀".repeat(22), ".".repeat(66)];
    for at in 0..good.len() {
        for with in ["\0", "é", "=", "+", "/", "\u{7f}", " "] {
            texts.push(format!("{}{with}{}", &good[..at], &good[at + 1..]));
        }
        texts.push(good[..at].to_owned());
    }
    for text in &texts {
        for kind in [Kind::SESSION, Kind::API_KEY, Kind::ONE_TIME] {
            assert!(world.tokens.look_up(kind, text).await.is_err());
            assert!(world.tokens.revoke(kind, text).await.is_err());
            assert!(world.tokens.consume(kind, text).await.is_err());
        }
        assert!(world.tokens.verify(Kind::ONE_TIME, &good).await.is_err());
    }
    world.verify(Kind::SESSION, &good).await.expect("none of it ended anything");
    let shown = format!("{:?}", world.told());
    assert!(!shown.contains(&good[23..]), "an event shows a validator");
}

/// Clocks that step back and forth within the skew, at every step of a rotation: the honest client stays.
#[tokio::test]
async fn an_honest_client_survives_clocks_within_the_skew() {
    for policy in [crate::fixture::finite(), hallpass_core::Policy::remember()] {
        let world = World::with(|builder| builder.policy(policy.clone()));
        let mut jar = world.log_in(Kind::REMEMBER).await.token.expose().to_owned();
        for step in 0..200_u64 {
            let base = world.tokens.now();
            let skew = |by: u64| base.saturating_add(Duration::from_millis(by * 3_333));
            world.clock.set(skew(step % 4));
            let answer = world.rotate(&jar).await.unwrap_or_else(|why| panic!("{why:?} at {step}"));
            world.clock.set(skew((step / 4) % 4));
            if let Some(next) = answer {
                // One answer in three is lost.
                if step % 3 != 0 {
                    jar = next;
                }
            }
            world.clock.set(base);
            world.advance(20 * SECOND);
        }
    }
}

/// T3: "a key that was retired makes its tokens `Invalid`", also through a renewal by a token of another key.
#[tokio::test]
async fn a_renewal_signs_no_record_of_a_retired_key() {
    let (one, two) = (KeyId::new(1).unwrap(), KeyId::new(2).unwrap());
    let world = keyed();
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
    let later =
        world.node(|builder| builder.keyring(Keyring::new(two, &[8; 32]).unwrap().retired(one).unwrap()));
    let session = later.issue(&login, Kind::SESSION).await.unwrap();
    assert!(later.verify(Kind::REMEMBER, text(&remember)).await.is_err(), "its key is retired");
    let caller = later.verify(Kind::SESSION, text(&session)).await.unwrap();
    let renewed = later.revoke_others(&caller).await.unwrap();
    let kinds: Vec<_> = renewed.tokens.iter().map(|issued| issued.kind).collect();
    assert_eq!(kinds, [Kind::SESSION], "what the leaked key signed is signed anew");
}

/// "Exactly the newest `max_logins` logins of a subject stay": a request that is dropped once its record is there.
#[tokio::test]
async fn the_cap_is_kept_though_the_future_is_dropped_behind_the_insert() {
    let world = capped(1);
    world.log_in(Kind::SESSION).await;
    world.advance(SECOND);
    let login = world.tokens.begin_login(&alice()).await.unwrap();
    world.gate.meet(Call::Insert, 2);
    {
        let mut issue = Box::pin(world.tokens.issue(&login, Kind::SESSION).into_future());
        assert!(tokio::time::timeout(SECOND / 10, &mut issue).await.is_err());
    }
    // Its record is there. It goes on when another insert has come as far.
    let other = world.tokens.begin_login(&bob()).await.unwrap();
    world.tokens.issue(&other, Kind::SESSION).await.unwrap();
    world.heard(EventKind::Evicted).await;
    assert_eq!(live(&world).await, [login.id()]);
}

/// A renewal whose caller goes away at any of its calls of the store ends what it had to end.
#[tokio::test]
async fn a_renewal_that_is_dropped_at_any_call_completes() {
    for call in [Call::List, Call::Insert, Call::Replace, Call::Revoke] {
        let world = World::new();
        let (session, remember) = pair(&world).await;
        let other = world.log_in(Kind::REMEMBER).await;
        let caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
        let held = world.gate.hold_once(call);
        {
            let mut renewal = Box::pin(world.tokens.revoke_others(&caller));
            tokio::select! {
                biased;
                _ = &mut renewal => unreachable!("it is held"),
                () = held.arrival() => {}
            }
        }
        held.release();
        world.heard(EventKind::Revoked(Reason::LoggedOutElsewhere)).await;
        for issued in [&session, &remember, &other] {
            assert!(world.verify(issued.kind, text(issued)).await.is_err(), "{call:?}");
        }
    }
}

/// Erasure at any call of a renewal, a restore or a change of data leaves nothing.
#[tokio::test]
async fn nothing_comes_back_behind_an_erasure() {
    for call in [Call::List, Call::Insert, Call::Replace] {
        for which in 0..4 {
            let world = World::new();
            let (session, remember) = pair(&world).await;
            let mut caller = world.verify(Kind::SESSION, text(&session)).await.unwrap();
            let under_way = world.tokens.begin_login(&alice()).await.unwrap();
            let held = world.gate.hold(call);
            let work = async {
                match which {
                    0 => drop(world.tokens.revoke_others(&caller).await),
                    1 => drop(world.tokens.issue_from(&caller, Kind::REMEMBER).await),
                    2 => drop(world.tokens.update_data(&mut caller, |data| data.push(1)).await),
                    _ => drop(world.tokens.verify_and_rotate(Kind::REMEMBER, text(&remember)).await),
                }
            };
            let erase = async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                assert!(world.tokens.forget_subject(&alice()).await.unwrap() >= 2);
                held.release();
            };
            tokio::join!(work, erase);
            world.gate.up();
            assert!(world.tokens.issue(&under_way, Kind::SESSION).await.is_err());
            let page = Page::first(std::num::NonZeroU16::MAX);
            let left = world.gate.store.list_by_subject(&alice(), &page).await.unwrap();
            assert!(left.is_empty(), "{call:?} {which}: {left:?}");
        }
    }
}

/// T3: "a session does not become a key that outlives log-outs".
#[tokio::test]
async fn a_writer_gets_no_api_key_through_a_planted_row_and_a_renewal() {
    let world = keyed();
    let mine = world.log_in(Kind::SESSION).await;
    let mut planted = stored(&world, &mine).await;
    planted.selector.0[15] ^= 1;
    planted.kind = Kind::API_KEY;
    planted.expires_at = planted.created_at.saturating_add(365 * DAY);
    planted.purge_at = planted.expires_at;
    planted.idle_at = None;
    put(&world, &planted).await;
    let valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
    let renewed = world.tokens.revoke_others(&valid).await.unwrap();
    for issued in &renewed.tokens {
        assert_eq!(issued.kind, Kind::SESSION, "a key that no log-out ends");
    }
}

/// A change of data by a writer that swaps the kind: the token stays what was shown.
#[tokio::test]
async fn a_row_that_an_update_reads_again_keeps_kind_login_and_lifetime() {
    for field in 0..3 {
        let world = keyed();
        let mine = world.log_in(Kind::SESSION).await;
        let mut valid = world.verify(Kind::SESSION, text(&mine)).await.unwrap();
        let mut forged = stored(&world, &mine).await;
        match field {
            0 => forged.kind = Kind::REMEMBER,
            1 => forged.login = LoginId([9; 8]),
            _ => forged.expires_at = forged.expires_at.saturating_add(DAY),
        }
        forged.revision = forged.revision.next();
        put(&world, &forged).await;
        let changed = world.tokens.update_data(&mut valid, |data| data.push(1)).await;
        assert!(changed.is_err(), "field {field}");
        assert_eq!((valid.kind(), valid.login()), (Kind::SESSION, mine.login));
    }
}
