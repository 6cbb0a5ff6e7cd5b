//! Telling a touch from any other replace, by the record alone.

use hallpass_core::{Body, Record};

/// Every write carries a fresh id of so many bytes in the body (contract S5).
const WRITE_ID: usize = 8;

/// Whether `next` only says of `old` that it was seen: nobody loses or gains anything but time if a
/// crash takes it back.
///
/// Alive before and after, of the same generation and device, with no time moved back; and the two
/// bodies, as long as each other, differ within eight bytes in a row, which is the write id. A
/// confirmation or a change of data changes other bytes of the body *as well*, an erased nonce its
/// length, so neither passes; that a fresh random id hides one has a chance of 2⁻⁶⁴.
pub(crate) fn is_touch(old: &Record, next: &Record) -> bool {
    let forward = old.seen_at <= next.seen_at
        && old.purge_at <= next.purge_at
        && match (old.idle_at, next.idle_at) {
            (Some(old), Some(next)) => old <= next,
            (old, next) => old == next,
        };
    let same = old.generation == next.generation
        && old.device == next.device
        && old.kind == next.kind
        && old.login == next.login
        && old.expires_at == next.expires_at;
    let alive = old.revoked.is_none() && next.revoked.is_none();
    alive && same && forward && differ_by_a_write_id(&old.body, &next.body)
}

fn differ_by_a_write_id(old: &Body, next: &Body) -> bool {
    let (old, next) = (old.as_bytes(), next.as_bytes());
    let differs = |(old, next): (&u8, &u8)| old != next;
    let first = old.iter().zip(next).position(differs);
    let last = old.iter().zip(next).rposition(differs);
    old.len() == next.len()
        && match (first, last) {
            (Some(first), Some(last)) => last - first < WRITE_ID,
            _ => true,
        }
}

#[cfg(test)]
mod tests {
    use hallpass_core::{Device, Kind, LoginId, Reason, Revision, Selector, Timestamp};

    use super::*;

    fn record() -> Record {
        let at = Timestamp::from_millis;
        Record {
            selector: Selector([1; 16]),
            subject: None,
            kind: Kind::SESSION,
            login: LoginId([2; 8]),
            created_at: at(1_000),
            updated_at: at(1_000),
            seen_at: at(1_000),
            expires_at: at(9_000),
            idle_at: Some(at(2_000)),
            purge_at: at(2_000),
            revoked: None,
            revision: Revision::FIRST,
            generation: 3,
            device: Device::default(),
            body: Body::new(vec![0; 100]).unwrap(),
        }
    }

    /// What a slide does: later times, another write id.
    fn touched() -> Record {
        let mut next = record();
        next.seen_at = Timestamp::from_millis(1_500);
        next.idle_at = Some(Timestamp::from_millis(2_500));
        next.purge_at = Timestamp::from_millis(2_500);
        next.updated_at = next.seen_at;
        next.revision = next.revision.next();
        next.body = with_bytes(&[(2, 9), (9, 9)]);
        next
    }

    fn with_bytes(changes: &[(usize, u8)]) -> Body {
        let mut bytes = vec![0; 100];
        for &(at, byte) in changes {
            bytes[at] = byte;
        }
        Body::new(bytes).unwrap()
    }

    #[test]
    fn a_slide_is_a_touch() {
        assert!(is_touch(&record(), &touched()));
    }

    #[test]
    fn what_ends_or_renews_or_stores_something_is_no_touch() {
        type Change = fn(&mut Record);
        let changes: [(&str, Change); 9] = [
            ("spent", |next| next.revoked = Some(Reason::Spent)),
            ("rotated", |next| next.generation += 1),
            ("confirmed, eight bytes further on", |next| next.body = with_bytes(&[(2, 9), (90, 9)])),
            ("data of one byte", |next| next.body = with_bytes(&[(2, 9), (10, 9)])),
            ("nonce erased", |next| next.body = Body::new(vec![0; 80]).unwrap()),
            ("data appended", |next| next.body = Body::new(vec![0; 101]).unwrap()),
            ("idle expiry shortened", |next| next.idle_at = Some(Timestamp::from_millis(1_999))),
            ("idle expiry dropped", |next| next.idle_at = None),
            ("another device", |next| next.device = Device::new("Firefox").unwrap()),
        ];
        for (name, change) in changes {
            let mut next = touched();
            change(&mut next);
            assert!(!is_touch(&record(), &next), "{name}");
        }
    }
}
