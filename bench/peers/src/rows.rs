//! What the rows of all peers have in common.

use hallpass_bench_load::rows::Random;
use tokio::task::JoinSet;

/// The size of a record of hallpass with that device, in bytes.
pub(crate) const VALUE: usize = 322;

/// Creates this number of random keys.
pub(crate) fn keys(rows: usize) -> Vec<[u8; 16]> {
    let mut random = Random::of(7, 0);
    (0..rows).map(|_| random.key()).collect()
}

/// Makes this number of things, numbered from `first`, 64 at a time. Their order is undefined.
pub(crate) async fn many<C, T, F, Fut>(first: usize, count: usize, shared: C, make: F) -> Vec<T>
where
    C: Clone + Send + 'static,
    T: Send + 'static,
    F: Fn(C, usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = T> + Send,
{
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let (shared, make) = (shared.clone(), make.clone());
        tasks.spawn(async move {
            let mut made = Vec::new();
            for number in (task..count).step_by(64) {
                made.push(make(shared.clone(), first + number).await);
            }
            made
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}
