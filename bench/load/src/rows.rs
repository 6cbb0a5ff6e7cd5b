//! What the rows of all systems have in common, and how to choose the next one.

use std::sync::Arc;

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

/// Chooses rows as visitors do: a few often, most seldom (Zipf, with an exponent of 0.99). The choices are made
/// beforehand, so that choosing costs next to nothing.
#[derive(Clone, Debug)]
pub struct Zipf {
    choices: Arc<[u32]>,
    at: usize,
}

impl Zipf {
    /// The number of choices. After these they begin again.
    const CHOICES: usize = 1 << 20;
    const EXPONENT: f64 = 0.99;

    /// Chooses among this number of rows; how often each is chosen does not depend on its place.
    ///
    /// # Panics
    /// If there are no rows, or more than fit a `u32`.
    #[must_use]
    pub fn among(rows: usize) -> Self {
        let mut random = Random::of(rows, 0);
        let mut places: Vec<u32> = (0..u32::try_from(rows).unwrap()).collect();
        for at in (1..rows).rev() {
            places.swap(at, random.below(at + 1));
        }
        let mut sum = 0.0;
        let mut sum_to = |rank: usize| {
            sum += (rank as f64).powf(-Self::EXPONENT);
            sum
        };
        let sums: Vec<f64> = (1..=rows).map(&mut sum_to).collect();
        let choose = |_| {
            let drawn = random.next() as f64 / u64::MAX as f64 * sums[rows - 1];
            places[sums.partition_point(|sum| *sum < drawn).min(rows - 1)]
        };
        Self { choices: (0..Self::CHOICES).map(choose).collect(), at: 0 }
    }

    /// The same choices, begun elsewhere for each task.
    #[must_use]
    pub fn of(&self, task: usize, tasks: usize) -> Self {
        Self { choices: Arc::clone(&self.choices), at: Self::CHOICES / tasks.max(1) * task }
    }

    /// The next row.
    pub fn pick(&mut self) -> usize {
        self.at = (self.at + 1) % Self::CHOICES;
        self.choices[self.at] as usize
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_rows_are_chosen_often_and_each_is_a_row() {
        let mut zipf = Zipf::among(1_000);
        let mut counts = vec![0; 1_000];
        for _ in 0..Zipf::CHOICES {
            counts[zipf.pick()] += 1;
        }
        counts.sort_unstable();
        // Of 1,000 rows the first has 1 / H(1,000; 0.99) of all choices: 13 %, and twice as many as the second.
        let (first, second) = (f64::from(counts[999]), f64::from(counts[998]));
        assert!((0.12..0.14).contains(&(first / Zipf::CHOICES as f64)), "{first}");
        assert!((1.9..2.1).contains(&(first / second)), "{first} {second}");
        assert!(counts[0] > 0);
    }
}
