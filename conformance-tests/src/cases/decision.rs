//! Decisions over the real backend: which tokens are accepted, and what a verdict changes.

use super::prelude::*;

pub(super) const CASES: &[Case] = &[
    case!(Any Quick [D1] a_guess_ends_nothing),
    case!(Any Quick [D2] the_absolute_expiry_is_exact_and_needs_no_collector),
    case!(Any Quick [D2] the_idle_expiry_is_exact_and_use_moves_it),
    case!(Any Quick [D3] an_ended_token_says_why),
    case!(Any Quick [D9 D4] a_replay_is_one_under_any_stamp),
    case!(Any Quick [D5] being_seen_is_written_once_in_a_while),
    case!(Any Quick [D6] a_lost_response_is_made_good_within_the_retry_window),
    case!(Any Quick [D6 D9] a_lost_response_is_made_good_until_the_successor_is_confirmed),
    case!(Any Quick [D7] a_request_under_way_is_good_for_the_overlap),
    case!(Any Quick [D8] a_successor_that_no_client_presented_lapses),
    case!(Any Quick [D9 D13] a_replay_ends_the_login_and_no_more),
    case!(Any Quick [D9] a_replay_ends_the_subject_where_the_policy_says_so),
    case!(untested [D17] the_verdict_says_how_the_fingerprint_compares, "core compares them, as its own tests show"),
];

/// A selector with a wrong validator is rejected, and the record's real token stays valid.
async fn a_guess_ends_nothing(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let alice = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    let mallory = log_in(&tokens, "mallory", Kind::REMEMBER).await?;
    let second = rotate(&tokens, alice.token.expose()).await?;
    let guess = format!("{}{}", &second[..22], &mallory.token.expose()[22..]);
    for _ in 0..5 {
        clock.advance(HOUR);
        rejected(D1, "a guess", tokens.verify(Kind::REMEMBER, &guess).await, Rejected::Invalid)?;
        rejected(D1, "a guess", tokens.verify_and_rotate(Kind::REMEMBER, &guess).await, Rejected::Invalid)?;
    }
    accepted(D1, "the token after a wrong guess", tokens.verify(Kind::REMEMBER, &second).await).map(drop)
}

async fn the_absolute_expiry_is_exact_and_needs_no_collector(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let policy = Policy::session().idle(None);
    let (tokens, clock) = case.tokens(&store, |builder| builder.policy(policy))?;
    let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
    clock.set(issued.expires_at.saturating_sub(MILLI));
    let verdict = tokens.verify(Kind::SESSION, issued.token.expose()).await;
    accepted(D2, "a token in its last millisecond", verdict)?;
    for later in [Duration::ZERO, MILLI, HOUR * 9_999] {
        clock.set(issued.expires_at.saturating_add(later));
        let verdict = tokens.verify(Kind::SESSION, issued.token.expose()).await;
        rejected(D2, format_args!("a token {later:?} after its expiry"), verdict, Rejected::Expired)?;
    }
    tokens.purge().await?;
    let good = is_good(&tokens, Kind::SESSION, issued.token.expose()).await?;
    hold(D2, !good, "an expired token is good again after a purge")
}

async fn the_idle_expiry_is_exact_and_use_moves_it(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
    let text = issued.token.expose();
    for _ in 0..4 {
        clock.advance(MINUTE * 30 - MILLI);
        accepted(D2, "a session used just in time", tokens.verify(Kind::SESSION, text).await)?;
    }
    clock.advance(MINUTE * 30);
    rejected(D2, "a session used too late", tokens.verify(Kind::SESSION, text).await, Rejected::Expired)?;
    tokens.purge().await?;
    rejected(
        D2,
        "the same within the purge margin",
        tokens.verify(Kind::SESSION, text).await,
        Rejected::Expired,
    )
}

async fn an_ended_token_says_why(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let alice = subject("alice");
    for reason in [Reason::LoggedOutElsewhere, Reason::Administrative, Reason::CredentialChanged] {
        let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
        same(D3, "records ended", &tokens.revoke_login(&alice, issued.login, reason).await?, &1)?;
        // Longer than the idle lifetime: a marked record has no idle expiry.
        clock.advance(HOUR);
        let verdict = tokens.verify(Kind::SESSION, issued.token.expose()).await;
        rejected(D3, "a token that was ended", verdict, Rejected::Revoked(reason))?;
    }
    let once = log_in(&tokens, "alice", Kind::ONE_TIME).await?;
    accepted(D3, "a one-time token", tokens.consume(Kind::ONE_TIME, once.token.expose()).await)?;
    for _ in 0..3 {
        let verdict = tokens.consume(Kind::ONE_TIME, once.token.expose()).await;
        rejected(D3, "a one-time token that was used", verdict, Rejected::Spent)?;
    }
    Ok(())
}

/// A replayed token ends its login even if the stamp differs too.
async fn a_replay_is_one_under_any_stamp(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let (old, new) = (Stamp::of("old hash"), Stamp::of("new hash"));
    let login = tokens.begin_login(&subject("alice")).await?;
    let first = accepted(D9, "a login", tokens.issue(&login, Kind::REMEMBER).stamp(old).await)?;
    let look_up =
        async |text: &str| accepted(D9, "a stamped token", tokens.look_up(Kind::REMEMBER, text).await);
    let verdict = look_up(first.token.expose()).await?.verify_and_rotate(Some(&old)).await;
    let second = successor(D9, "a rotation that is due", verdict)?;
    accepted(D9, "the successor", look_up(&second).await?.verify(Some(&old)).await)?;
    clock.advance(HOUR);
    let verdict = look_up(first.token.expose()).await?.verify(Some(&new)).await;
    rejected(D9, "a replay under another stamp", verdict, Rejected::Reused)?;
    let verdict = tokens.look_up(Kind::REMEMBER, &second).await;
    rejected(D9, "the newest token of the login", verdict, Rejected::Revoked(Reason::Reused))
}

/// A use writes "seen at" only after the touch interval has passed.
async fn being_seen_is_written_once_in_a_while(case: CaseContext) -> CaseResult {
    let (store, other) = case.pair().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let issued = log_in(&tokens, "alice", Kind::SESSION).await?;
    let (text, selector) = (issued.token.expose(), issued.token.selector());
    let mut written = store.find(selector).await?;
    for (seconds, writes) in [(0, false), (59, false), (1, true), (30, false), (30, true)] {
        clock.advance(SECOND * seconds);
        accepted(D5, "a live token", tokens.verify(Kind::SESSION, text).await)?;
        let found = other.find(selector).await?;
        let what = format_args!("{seconds} s later, whether being seen was written").to_string();
        same(D5, what, &(found != written), &writes)?;
        if writes {
            let seen = found.as_ref().map(|record| record.seen_at);
            same(D5, "when it was last seen", &seen, &Some(tokens.now()))?;
        }
        written = found;
    }
    Ok(())
}

/// A remember-me token of alice's that was rotated once: the predecessor and the successor.
async fn rotated(tokens: &Tokens) -> CaseResult<(Issued, String)> {
    let first = log_in(tokens, "alice", Kind::REMEMBER).await?;
    let second = rotate(tokens, first.token.expose()).await?;
    Ok((first, second))
}

/// Within the retry window a predecessor gets the same successor again.
async fn a_lost_response_is_made_good_within_the_retry_window(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder.policy(one_hour()))?;
    let (first, second) = rotated(&tokens).await?;
    for wait in [SECOND, MINUTE * 30, MINUTE * 30 - SECOND] {
        clock.advance(wait);
        let verdict = tokens.verify_and_rotate(Kind::REMEMBER, first.token.expose()).await;
        let again = successor(D6, "the predecessor within its retry window", verdict)?;
        same_token(D6, "a retry got another successor", &again, &second)?;
        accepted(D6, "the predecessor", tokens.verify(Kind::REMEMBER, first.token.expose()).await)?;
    }
    accepted(D6, "the successor at last", tokens.verify(Kind::REMEMBER, &second).await).map(drop)
}

async fn a_lost_response_is_made_good_until_the_successor_is_confirmed(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let (first, second) = rotated(&tokens).await?;
    for wait in [SECOND, HOUR, HOUR * 72] {
        clock.advance(wait);
        let verdict = tokens.verify_and_rotate(Kind::REMEMBER, first.token.expose()).await;
        let again = successor(D6, "the predecessor of a successor that no client presented", verdict)?;
        same_token(D6, "a retry got another successor", &again, &second)?;
    }
    accepted(D6, "the successor at last", tokens.verify(Kind::REMEMBER, &second).await)?;
    clock.advance(MINUTE);
    let verdict = tokens.verify(Kind::REMEMBER, first.token.expose()).await;
    rejected(D9, "the predecessor after its successor was confirmed", verdict, Rejected::Reused)
}

/// A confirmed successor leaves its predecessor valid for the overlap, and for no longer.
async fn a_request_under_way_is_good_for_the_overlap(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    for (wait, good) in [(SECOND * 30, true), (SECOND * 30 + MILLI, false)] {
        let (tokens, clock) = case.tokens(&store, |builder| builder)?;
        let (first, second) = rotated(&tokens).await?;
        clock.advance(MINUTE);
        accepted(D7, "the successor", tokens.verify(Kind::REMEMBER, &second).await)?;
        clock.advance(wait);
        let verdict = tokens.verify_and_rotate(Kind::REMEMBER, first.token.expose()).await;
        if good {
            let again = successor(D7, "a request under way", verdict)?;
            same_token(D7, "a request under way got another successor", &again, &second)?;
            accepted(D7, "the successor", tokens.verify(Kind::REMEMBER, &second).await)?;
        } else {
            rejected(D9, "the predecessor after the overlap", verdict, Rejected::Reused)?;
        }
    }
    Ok(())
}

/// After the retry window an unconfirmed rotation ends the login, without raising an alarm.
async fn a_successor_that_no_client_presented_lapses(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder.policy(one_hour()))?;
    let (first, second) = rotated(&tokens).await?;
    let other = log_in(&tokens, "alice", Kind::REMEMBER).await?;
    clock.advance(HOUR + MILLI);
    let verdict = tokens.verify_and_rotate(Kind::REMEMBER, first.token.expose()).await;
    rejected(D8, "the predecessor past its retry window", verdict, Rejected::Lapsed)?;
    let lapsed = Rejected::Revoked(Reason::Lapsed);
    rejected(D8, "the successor after that", tokens.verify(Kind::REMEMBER, &second).await, lapsed)?;
    rejected(D8, "the predecessor again", tokens.verify(Kind::REMEMBER, first.token.expose()).await, lapsed)?;
    accepted(D8, "another login", tokens.verify(Kind::REMEMBER, other.token.expose()).await).map(drop)
}

/// A replay ends every token of its login, and no other login of the subject.
async fn a_replay_ends_the_login_and_no_more(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let (tokens, clock) = case.tokens(&store, |builder| builder)?;
    let (first, second) = rotated(&tokens).await?;
    let (other, bob) =
        (log_in(&tokens, "alice", Kind::REMEMBER).await?, log_in(&tokens, "bob", Kind::REMEMBER).await?);
    let parent = accepted(D9, "the successor", tokens.verify(Kind::REMEMBER, &second).await)?;
    let session = accepted(D9, "a restored session", tokens.issue_from(&parent, Kind::SESSION).await)?;
    clock.advance(MINUTE);
    let verdict = tokens.verify(Kind::REMEMBER, first.token.expose()).await;
    rejected(D9, "a replayed token", verdict, Rejected::Reused)?;
    let theft = Rejected::Revoked(Reason::Reused);
    rejected(D9, "the thief's or victim's token", tokens.verify(Kind::REMEMBER, &second).await, theft)?;
    let verdict = tokens.verify(Kind::SESSION, session.token.expose()).await;
    rejected(D9, "a session of the same login", verdict, theft)?;
    let verdict = tokens.verify(Kind::REMEMBER, first.token.expose()).await;
    rejected(D13, "the replayed token again", verdict, theft)?;
    for issued in [other, bob] {
        accepted(D9, "another login", tokens.verify(Kind::REMEMBER, issued.token.expose()).await)?;
    }
    Ok(())
}

async fn a_replay_ends_the_subject_where_the_policy_says_so(case: CaseContext) -> CaseResult {
    let store = case.open().await?;
    let policy = Policy::remember().reuse_ends(Scope::Subject);
    let (tokens, clock) = case.tokens(&store, |builder| builder.policy(policy))?;
    let (first, second) = rotated(&tokens).await?;
    let (other, bob) =
        (log_in(&tokens, "alice", Kind::SESSION).await?, log_in(&tokens, "bob", Kind::SESSION).await?);
    let under_way = tokens.begin_login(&subject("alice")).await?;
    accepted(D9, "the successor", tokens.verify(Kind::REMEMBER, &second).await)?;
    clock.advance(MINUTE);
    let verdict = tokens.verify(Kind::REMEMBER, first.token.expose()).await;
    rejected(D9, "a replayed token", verdict, Rejected::Reused)?;
    let theft = Rejected::Revoked(Reason::Reused);
    rejected(D9, "another login", tokens.verify(Kind::SESSION, other.token.expose()).await, theft)?;
    let verdict = tokens.issue(&under_way, Kind::SESSION).await;
    rejected(D9, "a login that was under way", verdict, Rejected::Fenced)?;
    accepted(D9, "another subject", tokens.verify(Kind::SESSION, bob.token.expose()).await).map(drop)
}
