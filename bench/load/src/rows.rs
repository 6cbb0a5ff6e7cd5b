//! What the rows of all systems have in common, and how to choose the next one.

/// A browser's `User-Agent`, 101 bytes.
pub const DEVICE: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
/// The number of rows that rotate.
pub const ROTATING: usize = 10_000;

/// A fast random generator (xorshift) that chooses the next row.
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a task.
    #[must_use]
    pub fn of(task: usize, _tasks: usize) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ ((task as u64 + 1) << 17))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A random key.
    pub fn key(&mut self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The rows that belong to one task alone, in turn.
#[derive(Debug)]
pub struct Stripe {
    task: usize,
    tasks: usize,
    at: usize,
}

impl Stripe {
    /// The stripe of a task.
    #[must_use]
    pub fn of(task: usize, tasks: usize) -> Self {
        Self { task, tasks, at: 0 }
    }

    /// The next row of this number of rows.
    ///
    /// # Panics
    /// If there are more tasks than rows.
    pub fn next(&mut self, rows: usize) -> usize {
        assert!(self.tasks <= rows, "more tasks than rows to rotate");
        self.at += 1;
        let stripe = (rows - self.task).div_ceil(self.tasks);
        self.task + self.tasks * (self.at % stripe)
    }
}
