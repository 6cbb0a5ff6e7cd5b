//! The memory that the cache takes, and what it evicts.

use hallpass_core::{Issued, Kind, Subject};

use crate::world::World;

const CAPACITY: usize = 1024 * 1024;

async fn visitor(world: &World, number: u32) -> Issued {
    let subject = Subject::new(format!("visitor {number}")).unwrap();
    let login = world.far.begin_login(&subject).await.unwrap();
    world.far.issue(&login, Kind::SESSION).data("x".repeat(4_096)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_capacity_is_kept_and_what_is_used_stays() {
    let world = World::with(|cache| cache.capacity(CAPACITY));
    let hot = world.log_in(Kind::SESSION).await;
    world.keep(&hot).await;
    for number in 0..3_000 {
        let issued = visitor(&world, number).await;
        world.verify(&issued).await.unwrap();
        if number % 10 == 0 {
            world.turns(1).await;
            assert!(world.hits(&hot).await, "in use, after {number} others");
        }
    }
    let stats = world.stats();
    let bytes = usize::try_from(stats.bytes).unwrap();
    assert!(bytes <= CAPACITY && bytes > CAPACITY / 2, "{stats:?}");
    // The data are not kept: 4 KiB a record would leave room for 256.
    assert!(stats.entries > 800 && stats.entries < 2_000, "{stats:?}");
}
