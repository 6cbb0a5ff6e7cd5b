//! Values at the limits of the types, and values that some backend confuses.

use base64ct::{Base64Unpadded, Encoding};
use hallpass_core::Timestamp;

use crate::rng::Rng;

/// Two names with the same shard, so that a store that routes by shard accepts a child of the other subject (T7).
pub(crate) const NEIGHBOURS: [&str; 2] = ["alice", "bob 10871"];

/// Families of names that some backend confuses.
pub(crate) const FAMILIES: &[&[&str]] = &[
    &["alice", "Alice", "ALICE"],
    &["alice", "alice ", " alice"],
    &["alice", "alice\n", "alice\t"],
    &["al", "alice", "alice2"],
    &["a_b", "a%b", "axb"],
    &["a*b", "a?b", "a[x]b"],
    &["\u{e9}", "e\u{301}", "e"],
    &["ß", "ss", "SS"],
    &["İ", "i", "ı"],
    &["ﬁ", "fi", "FI"],
    &["0", "00", "-0"],
    &["1", "1.0", "1e0"],
    &["null", "NULL", "true"],
    &["a:b", "a", "b"],
    &["{a}", "{a}b", "a}{b"],
    &["a/b", "a/", "/b"],
    &["a|b", "a,b", "a b"],
    &["'", "''", "\""],
    &["\\", "\\\\", "\\n"],
    &["$1", "%s", "{}"],
    &["\u{1}", "\u{7f}", "\u{2}"],
    &["\u{200b}alice", "alice", "\u{feff}alice"],
    &["🦀", "🦀\u{fe0f}", "🦀🦀"],
    &["\u{ffff}", "\u{10ffff}", "\u{fffd}"],
    &["b_alice", "alice", "_b_alice"],
    &["../x", "'; drop table x; --", "--"],
];

/// Instants with each number of digits, at the limits of 31, 32 and 41 bits, in the distant past, and the last one.
const INSTANTS: &[u64] = &[
    0,
    1,
    9,
    10,
    999,
    1_000,
    65_536,
    9_999_999,
    2_147_483_647,
    2_147_483_648,
    4_294_967_296,
    99_999_999_999,
    999_999_999_999,
    1_600_000_000_001,
    1_699_999_999_999,
    2_147_483_647_999,
    2_147_483_648_000,
    4_294_967_296_000,
    9_999_999_999_999,
    10_000_000_000_001,
    99_999_999_999_999,
    100_000_000_000_001,
    253_402_300_799_998,
    253_402_300_799_999,
];

const REVISIONS: &[u64] = &[
    1,
    255,
    256,
    (1 << 15) - 1,
    (1 << 16) - 1,
    1 << 16,
    (1 << 16) + 1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    (1 << 32) + 1,
    99_999_999_999_999,
    999_999_999_999_999,
    (1 << 52) + 1,
    (1 << 53) - 3,
    (1 << 53) - 2,
    (1 << 53) - 1,
];

/// `count` byte strings: random ones, or ones that differ in one bit or in the case of a base64 letter.
pub(crate) fn variations<const N: usize>(rng: &mut Rng, count: usize, alike: bool) -> Vec<[u8; N]> {
    let mut all: Vec<[u8; N]> = vec![match (alike, rng.below(4)) {
        (true, 0) => [0; N],
        (true, 1) => [0xff; N],
        (true, 2) => [b'a'; N],
        _ => rng.bytes(),
    }];
    while all.len() < count {
        let mut next = rng.bytes();
        if alike {
            next = *rng.pick(&all);
            if rng.chance(40) {
                flip_case(&mut next, rng);
            } else {
                let byte = [0, N / 2 - 1, N / 2, N - 1, rng.below(N)][rng.below(5)];
                next[byte] ^= [1, 0x20, 0x80, 1 << rng.below(8)][rng.below(4)];
            }
        }
        if !all.contains(&next) {
            all.push(next);
        }
    }
    all
}

/// Changes the case of one letter in the base64 of `bytes`.
fn flip_case<const N: usize>(bytes: &mut [u8; N], rng: &mut Rng) {
    let mut text = Base64Unpadded::encode_string(bytes).into_bytes();
    // The last digit has unused bits.
    let at = rng.below(text.len() - 1);
    text[at] = if text[at].is_ascii_lowercase() {
        text[at].to_ascii_uppercase()
    } else {
        text[at].to_ascii_lowercase()
    };
    let decoded = std::str::from_utf8(&text).map(|text| Base64Unpadded::decode(text, bytes).is_ok());
    debug_assert_eq!(decoded, Ok(true), "a letter in another case is a digit, too");
}

/// Instants close to each other: equal, neighbours, and one with other digits.
pub(crate) fn near(rng: &mut Rng) -> [u64; 5] {
    [0, 1, 5, 10, 11 + scaled(rng, 30)]
}

/// A number of up to `bits` bits, each length as likely as any other.
pub(crate) fn scaled(rng: &mut Rng, bits: usize) -> u64 {
    rng.next() >> (63 - rng.below(bits))
}

/// An instant with any number of digits.
pub(crate) fn instant(rng: &mut Rng) -> Timestamp {
    let millis = match rng.below(4) {
        0 | 1 => *rng.pick(INSTANTS),
        2 => scaled(rng, 47),
        _ => lossy(rng),
    };
    Timestamp::from_millis(millis)
}

/// An instant that changes on the way through seconds in a float: most do not.
fn lossy(rng: &mut Rng) -> u64 {
    let mut millis = scaled(rng, 47);
    for _ in 0..2_000 {
        if (millis as f64 / 1e3 * 1e3) as u64 != millis {
            break;
        }
        millis = scaled(rng, 47);
    }
    millis
}

/// A revision at a limit, or any other.
pub(crate) fn revision(rng: &mut Rng) -> u64 {
    if rng.chance(60) { *rng.pick(REVISIONS) } else { scaled(rng, 53).max(1) }
}

/// A number of 32 bits at a limit, or any other.
pub(crate) fn number(rng: &mut Rng) -> u32 {
    if rng.chance(30) {
        return scaled(rng, 32) as u32;
    }
    *rng.pick(&[0, 1, 127, 255, 256, 32_767, 65_535, 65_536, (1 << 31) - 1, 1 << 31, u32::MAX])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimen::subject;

    #[test]
    fn neighbours_share_a_shard() {
        assert_eq!(subject(NEIGHBOURS[0]).shard(), subject(NEIGHBOURS[1]).shard());
    }
}
