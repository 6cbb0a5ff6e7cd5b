//! The relay of `examples/relay.rs`: it keeps what a feed promises, and its own stall ends the leases.

use std::sync::{Arc, Mutex};

use hallpass_core::store::{Announced, Announcer as _, ChangeFeed, Heard, Lost, Proven};
use hallpass_core::{Kind, NearCache, Policy, Selector, Tokens};

use crate::relay::{Relay, Relayed};
use crate::store::Mode;
use crate::world::{LAG, MILLI, MINUTE, World};

/// How often a service may ask before it keeps a token.
const ROUNDS: usize = 1_000;

/// What a service has heard.
#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Vec<Selector>>>);

impl Ears {
    fn heard(&self) -> Heard {
        let ears = self.clone();
        Heard::new(move |announced| {
            let Announced::Ended(selectors) = announced else { panic!("{announced:?}") };
            ears.0.lock().unwrap().extend(selectors);
        })
    }

    fn hear(&self, selector: Selector) -> bool {
        self.0.lock().unwrap().contains(&selector)
    }
}

/// A relay over the store of a world.
fn relay(world: &World) -> Arc<Relay> {
    Relay::new(Arc::new(world.store.clone()))
}

async fn listen(relay: &Arc<Relay>) -> Box<dyn ChangeFeed> {
    Relayed(relay.clone()).feed().await.unwrap()
}

/// A service whose cache listens to the relay.
fn service(world: &World, relay: &Arc<Relay>) -> Tokens {
    let cache = NearCache::new().lag(LAG).poll_every(MILLI * 20).node_clock(world.node.clone());
    let builder = Tokens::builder(Relayed(relay.clone())).clock(world.clock.clone());
    builder.policy(Policy::session().cached_for(MINUTE)).near_cache(cache).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn services_share_one_feed_and_each_hears_every_ending() {
    for mode in [Mode::Good, Mode::TwoPongs(MILLI)] {
        let world = World::new();
        world.feed(mode);
        let relay = relay(&world);
        let services = [service(&world, &relay), service(&world, &relay), service(&world, &relay)];
        let issued = world.log_in(Kind::SESSION).await;
        let text = issued.token.expose();
        let hits = |tokens: &Tokens| tokens.near_cache_stats().unwrap().hits;
        let mut rounds = 0..ROUNDS;
        while services.iter().any(|tokens| hits(tokens) == 0) {
            rounds.next().expect("each service keeps the token at last");
            for tokens in &services {
                tokens.verify(Kind::SESSION, text).await.unwrap();
            }
            world.pass(MILLI * 20).await;
        }
        assert_eq!(world.store.feeds(), 1, "{mode:?}");
        world.end().await;
        world.turns(4).await;
        for tokens in &services {
            assert!(tokens.verify(Kind::SESSION, text).await.is_err(), "{mode:?}");
        }
    }
}

/// A turn under way when a service asks may have looked before an ending that was acknowledged before the question.
#[tokio::test(start_paused = true)]
async fn an_answer_is_of_a_turn_that_began_after_the_question() {
    let world = World::new();
    let relay = relay(&world);
    let (mut one, mut another) = (listen(&relay).await, listen(&relay).await);
    let issued = world.log_in(Kind::SESSION).await;
    let held = world.store.hold_turn();
    let first =
        tokio::spawn(async move { one.turn(&Ears::default().heard()).await.map(|proven| (one, proven)) });
    held.arrival().await;
    world.end().await;
    let ears = Ears::default();
    let heard = ears.heard();
    let second = tokio::spawn(async move { another.turn(&heard).await });
    world.pass(MILLI).await;
    held.release();
    assert_eq!(first.await.unwrap().unwrap().1, Proven::ThisTurn);
    assert_eq!(second.await.unwrap().unwrap(), Proven::ThisTurn);
    assert!(ears.hear(issued.token.selector()));
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_stands_still_ends_every_lease_and_begins_anew() {
    let world = World::new();
    let relay = relay(&world);
    let services = [service(&world, &relay), service(&world, &relay)];
    let issued = world.log_in(Kind::SESSION).await;
    let text = issued.token.expose();
    for tokens in &services {
        tokens.verify(Kind::SESSION, text).await.unwrap();
        world.turns(2).await;
        tokens.verify(Kind::SESSION, text).await.unwrap();
    }
    let _held = world.store.hold_turn();
    world.pass(MILLI * 40).await;
    world.end().await;
    for tokens in &services {
        assert!(tokens.verify(Kind::SESSION, text).await.is_ok(), "not heard");
    }
    world.node.advance(LAG + MILLI);
    for tokens in &services {
        assert!(tokens.verify(Kind::SESSION, text).await.is_err());
    }
    // One of them cuts its turn off, and all of them listen to another feed.
    let feeds = world.store.feeds();
    world.pass_until(|| world.store.feeds() > feeds).await;
    for tokens in &services {
        let issued = world.log_in(Kind::SESSION).await;
        let before = tokens.near_cache_stats().unwrap().hits;
        let mut rounds = 0..ROUNDS;
        while tokens.near_cache_stats().unwrap().hits == before {
            rounds.next().expect("it keeps the token at last");
            tokens.verify(Kind::SESSION, issued.token.expose()).await.unwrap();
            world.pass(MILLI * 20).await;
        }
    }
}

/// Between the two feeds an ending was heard by neither.
#[tokio::test(start_paused = true)]
async fn a_feed_that_another_one_replaced_is_lost_for_all_its_services() {
    let world = World::new();
    let relay = relay(&world);
    let (mut one, mut another) = (listen(&relay).await, listen(&relay).await);
    let held = world.store.hold_turn();
    let cut_off = tokio::spawn(async move { one.turn(&Ears::default().heard()).await });
    held.arrival().await;
    cut_off.abort();
    assert!(cut_off.await.unwrap_err().is_cancelled());
    world.log_in(Kind::SESSION).await;
    world.end().await;
    let mut third = listen(&relay).await;
    let ears = Ears::default();
    assert_eq!(another.turn(&ears.heard()).await.unwrap(), Proven::Lost(Lost::Closed));
    assert_eq!(third.turn(&ears.heard()).await.unwrap(), Proven::ThisTurn);
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_a_loss_for_every_service_and_a_failure_proves_nothing() {
    for mode in [Mode::Loses(Lost::Trimmed), Mode::LosesMidway(Proven::ThisTurn)] {
        let world = World::new();
        let relay = relay(&world);
        let (mut one, mut another) = (listen(&relay).await, listen(&relay).await);
        let ears = Ears::default();
        world.feed(Mode::Fails);
        assert!(one.turn(&ears.heard()).await.is_err());
        world.feed(Mode::Good);
        assert_eq!(another.turn(&ears.heard()).await.unwrap(), Proven::ThisTurn);
        world.feed(mode);
        for feed in [&mut one, &mut another] {
            assert_eq!(feed.turn(&ears.heard()).await.unwrap(), Proven::Lost(Lost::Closed), "{mode:?}");
        }
        world.feed(Mode::Good);
        assert_eq!(listen(&relay).await.turn(&ears.heard()).await.unwrap(), Proven::ThisTurn);
        assert_eq!(world.store.feeds(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn services_that_have_gone_leave_nothing_behind_although_nothing_ends() {
    let world = World::new();
    let relay = relay(&world);
    for _ in 0..10 {
        drop(listen(&relay).await);
    }
    let _feed = listen(&relay).await;
    assert_eq!(format!("{relay:?}").matches("Sender").count(), 1);
}
