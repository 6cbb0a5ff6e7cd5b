//! Runs concurrent calls in hundreds of orders, and checks what must hold in each of them.

use hallpass_core::{Authentication, EventKind, Issued, Kind, Kinds, Reason, Rejected, Renewed, Valid};

use crate::fixture::{Judged as _, SECOND, World, alice, text};

const ORDERS: u64 = 400;

/// Uses a copy of this token: restores a session and writes to it.
async fn steal(world: &World, remember: &Issued) -> Option<Issued> {
    let copy = world.tokens.verify(Kind::REMEMBER, text(remember)).await.ok()?;
    let loot = world.tokens.issue_from(&copy, Kind::SESSION).data("planted").await.ok()?;
    if let Ok(mut valid) = world.tokens.verify(Kind::SESSION, text(&loot)).await {
        drop(world.tokens.update_data(&mut valid, |data| data.extend(b" again")).await);
    }
    Some(loot)
}

async fn renew(world: &World, caller: &Valid, order: u64) -> Result<Renewed, Rejected> {
    let how = Authentication::new().level("aal2");
    let answer = match order % 3 {
        0 => world.tokens.revoke_others(caller).await,
        1 => world.tokens.credential_changed(caller, None).await,
        _ => world.tokens.authenticated_again(caller, how).await,
    };
    answer.judged()
}

/// Two renewals with different tokens of a login, a copy that restores and writes, and an ending or a new login.
#[tokio::test(start_paused = true)]
async fn one_renewal_of_a_login_wins_and_a_copy_keeps_nothing_and_gives_nothing() {
    let (mut wins, mut ends) = ([0; 4], [0; 4]);
    for order in 0..ORDERS {
        let what = order / 3 % 4;
        let world = World::with(|builder| builder.max_logins(std::num::NonZeroU32::new(2).unwrap()));
        world.log_in(Kind::SESSION).await;
        world.advance(SECOND);
        let login = world.tokens.begin_login(&alice()).await.unwrap();
        let remember = world.tokens.issue(&login, Kind::REMEMBER).await.unwrap();
        world.advance(SECOND);
        let session = world.tokens.issue(&login, Kind::SESSION).await.unwrap();
        let older = world.verify(Kind::REMEMBER, text(&remember)).await.unwrap();
        let younger = world.verify(Kind::SESSION, text(&session)).await.unwrap();
        world.told();
        world.gate.shuffle(order);
        let beside = async {
            for _ in 0..order * 31 % 97 {
                tokio::task::yield_now().await;
            }
            match what {
                // The remember-me record alone is ended; nothing restores it.
                0 => {
                    let kinds = Kinds::Only(vec![Kind::REMEMBER]);
                    let reason = Reason::Administrative;
                    let ended = world.tokens.revoke_kinds_of_login(&alice(), login.id(), kinds, reason).await;
                    ended.unwrap() > 0
                }
                1 => world.tokens.revoke(Kind::SESSION, text(&session)).await.judged().is_ok(),
                2 => {
                    let login = world.tokens.begin_login(&alice()).await.unwrap();
                    world.advance(SECOND);
                    world.tokens.issue(&login, Kind::SESSION).await.judged().is_ok()
                }
                _ => false,
            }
        };
        let (one, two, loot, beside) = tokio::join!(
            renew(&world, &older, order),
            renew(&world, &younger, order / 2),
            steal(&world, &remember),
            beside
        );
        world.gate.up();
        ends[what as usize] += u64::from(beside);
        let lost = [&one, &two].into_iter().filter(|answer| answer.is_err()).count();
        assert!(lost >= 1, "order {order}: two winners");
        // If nothing ends the login, one of them wins; also at the cap, where the new login ends the other device.
        assert!(what < 2 || lost == 1, "order {order}: {one:?}, {two:?}");
        let told = world.events();
        assert!(!told.contains(&EventKind::Reused), "order {order}: an alarm");
        let won = one.or(two);
        for stolen in loot.iter().chain([&remember, &session]) {
            let verdict = world.verify(stolen.kind, text(stolen)).await;
            // An ending of one kind leaves the login.
            assert!(verdict.is_err() || what == 0 && won.is_err(), "order {order}: {stolen:?} is good");
        }
        let Ok(won) = won else { continue };
        won.ended.as_ref().unwrap();
        wins[what as usize] += 1;
        for issued in &won.tokens {
            let valid = world.verify(issued.kind, text(issued)).await;
            let valid = valid.unwrap_or_else(|why| panic!("order {order}: {why:?}"));
            assert_eq!(&*world.tokens.data(&valid).await.unwrap(), b"", "order {order}");
            assert!(!(what == 0 && beside && issued.kind == Kind::REMEMBER), "order {order}: it came back");
        }
        let list = world.tokens.list(&alice(), &Default::default()).await.unwrap();
        assert!(list.logins.len() <= 2, "order {order}: {:?}", list.logins);
    }
    let seen = wins.iter().chain(&ends[..3]).all(|count| *count > 10);
    assert!(seen, "each was seen: {wins:?}, {ends:?}");
}

/// Three issues in one login, and a log-out with each token as soon as it is issued.
#[tokio::test(start_paused = true)]
async fn nothing_of_a_login_outlives_the_log_out_with_its_tokens() {
    let mut fenced = 0;
    for order in 0..ORDERS {
        let (world, login) = World::begun().await;
        world.gate.shuffle(order);
        let issue = async |kind: Kind, logs_out: bool| {
            let issued = world.tokens.issue(&login, kind).await.judged()?;
            if logs_out {
                world.tokens.revoke(kind, text(&issued)).await.judged().ok();
            }
            Ok::<_, Rejected>(issued)
        };
        let (one, two, three) = tokio::join!(
            issue(Kind::SESSION, true),
            issue(Kind::REMEMBER, order % 2 == 0),
            issue(Kind::ONE_TIME, false)
        );
        world.gate.up();
        for answer in [&one, &two, &three] {
            fenced += u64::from(answer.as_ref().err() == Some(&Rejected::Fenced));
            let Ok(issued) = answer else { continue };
            let verdict = world.tokens.look_up(issued.kind, text(issued)).await;
            assert!(verdict.is_err() || one.is_err(), "order {order}: {issued:?} is good");
        }
        let late = world.tokens.issue(&login, Kind::SESSION).await;
        assert_eq!(late.rejected(), Rejected::Fenced, "order {order}");
    }
    assert!(fenced > ORDERS / 10, "{fenced} were turned away");
}
