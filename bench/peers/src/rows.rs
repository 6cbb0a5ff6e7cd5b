//! What the rows of all peers have in common.

use tokio::task::JoinSet;

/// A browser's `User-Agent`, the same for all.
pub(crate) const DEVICE: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
/// The size of a record of hallpass with that device, in bytes.
pub(crate) const VALUE: usize = 322;
/// The number of rows that rotate.
pub(crate) const ROTATING: usize = 10_000;

/// A fast random generator that chooses the next row.
#[derive(Clone, Copy)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: usize) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ ((seed as u64 + 1) << 17))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn key(&mut self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()
    }
}

/// Creates this number of random keys.
pub(crate) fn keys(rows: usize) -> Vec<[u8; 16]> {
    let mut random = Random::new(7);
    (0..rows).map(|_| random.key()).collect()
}

/// The rows that belong to one task alone, in turn.
pub(crate) struct Stripe {
    task: usize,
    tasks: usize,
    at: usize,
}

impl Stripe {
    pub(crate) fn of(task: usize, tasks: usize) -> Self {
        Self { task, tasks, at: 0 }
    }

    pub(crate) fn next(&mut self, rows: usize) -> usize {
        self.at += 1;
        let stripe = (rows - self.task).div_ceil(self.tasks);
        self.task + self.tasks * (self.at % stripe)
    }
}

/// Makes this number of things, numbered from `first`, 64 at a time. Their order is undefined.
pub(crate) async fn many<T, F, Fut>(first: usize, count: usize, make: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = T> + Send,
{
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let make = make.clone();
        tasks.spawn(async move {
            let mut made = Vec::new();
            for number in (task..count).step_by(64) {
                made.push(make(first + number).await);
            }
            made
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}
