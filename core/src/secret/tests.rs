use super::*;
use crate::record::state::Origin;

fn validator(seed: u8) -> Validator {
    Validator::new(std::array::from_fn(|at| seed.wrapping_add(at as u8)))
}

fn ring() -> Keyring {
    Keyring::new(KeyId::new(1).unwrap(), &[1; 32]).unwrap()
}

#[test]
fn a_digest_covers_every_field() {
    let (alice, bob) = (Subject::new("alice").unwrap(), Subject::new("bob").unwrap());
    let facts = Facts {
        stamp: None,
        fingerprint: None,
        binding: None,
        auth_at: Timestamp::from_millis(1),
        origin: Origin::Restored,
        authentication: Authentication::new(),
    };
    let base = Covered {
        selector: Selector([3; 16]),
        kind: &Kind::SESSION,
        subject: Some(&alice),
        created_at: Timestamp::from_millis(1),
        expires_at: Timestamp::from_millis(2),
        purpose: Purpose::Device,
        login: LoginId([1; 8]),
        era: Era::FIRST,
        facts: &facts,
    };
    let later = Timestamp::from_millis(9);
    let other_facts = [
        Facts { stamp: Some([0; 16]), ..facts.clone() },
        Facts { fingerprint: Some([0; 16]), ..facts.clone() },
        Facts { binding: Some([0; 32]), ..facts.clone() },
        Facts { auth_at: later, ..facts.clone() },
        Facts { origin: Origin::Authenticated, ..facts.clone() },
        Facts { authentication: Authentication::new().method("pwd"), ..facts.clone() },
        Facts { authentication: Authentication::new().level("pwd"), ..facts.clone() },
        Facts { authentication: Authentication::new().method("p").method("wd"), ..facts.clone() },
    ];
    let columns = [
        Covered { selector: Selector([4; 16]), ..base },
        Covered { kind: &Kind::REMEMBER, ..base },
        Covered { subject: Some(&bob), ..base },
        Covered { subject: None, ..base },
        Covered { created_at: later, ..base },
        Covered { expires_at: later, ..base },
        Covered { purpose: Purpose::Key, ..base },
        Covered { login: LoginId([2; 8]), ..base },
        Covered { era: Era::new(1), ..base },
    ];
    let others = columns.into_iter().chain(other_facts.iter().map(|facts| Covered { facts, ..base }));
    let others: Vec<_> = std::iter::once(base).chain(others).collect();
    for key in [None, ring().find(KeyId::new(1).unwrap())] {
        let digest = Digest::of(&validator(0), base, key);
        assert!(digest.matches(&Digest::of(&validator(0), base, key)));
        assert!(!digest.matches(&Digest::of(&validator(1), base, key)));
        for (at, one) in others.iter().enumerate() {
            let digest = Digest::of(&validator(0), *one, key);
            for other in &others[at + 1..] {
                assert!(!digest.matches(&Digest::of(&validator(0), *other, key)));
            }
        }
    }
}

#[test]
fn the_largest_fields_fit() {
    let (kind, subject) =
        (Kind::from_static("abcdefghijklmnopqrstuvwxyzabcdef"), "s".repeat(Subject::MAX_LEN));
    let name = "x".repeat(Authentication::MAX_LEN);
    let methods = Authentication::new().level(&*name);
    let facts = Facts {
        stamp: Some([0xff; 16]),
        fingerprint: Some([0xff; 16]),
        binding: Some([0xff; 32]),
        auth_at: Timestamp::MAX,
        origin: Origin::Restored,
        authentication: (0..Authentication::MAX_METHODS).fold(methods, |all, _| all.method(&*name)),
    };
    let covered = Covered {
        selector: Selector([0xff; 16]),
        kind: &kind,
        subject: Some(&Subject::new(subject).unwrap()),
        created_at: Timestamp::MAX,
        expires_at: Timestamp::MAX,
        purpose: Purpose::SingleUse,
        login: LoginId([0xff; 8]),
        era: Era::new(u32::MAX),
        facts: &facts,
    };
    let mut len = 0;
    covered.write(&validator(0), |piece| len += piece.len());
    assert_eq!(len, Covered::MAX_LEN + 32);
}

#[test]
fn the_successor_needs_both_the_nonce_and_the_token_and_the_key() {
    let ring = ring();
    let next = validator(0).successor(Selector([3; 16]), &[5; 16], ring.find(KeyId::new(1).unwrap()));
    let keyless = validator(0).successor(Selector([3; 16]), &[5; 16], None);
    let nonce = validator(0).successor(Selector([3; 16]), &[6; 16], None);
    let selector = validator(0).successor(Selector([4; 16]), &[5; 16], None);
    let all = [&next, &keyless, &nonce, &selector, &validator(0)];
    for (at, one) in all.iter().enumerate() {
        assert_eq!(one.family(), validator(0).family(), "the shared half is copied");
        for other in &all[at + 1..] {
            assert_ne!(one.as_bytes(), other.as_bytes());
        }
    }
}

#[test]
fn every_token_of_a_record_descends_from_it_and_no_guess_does() {
    let first = validator(0);
    let selector = Selector([3; 16]);
    let lineage = first.lineage(selector);
    let second = first.successor(selector, &[5; 16], None);
    assert!(first.descends_from(selector, &lineage));
    assert!(second.descends_from(selector, &lineage));
    assert!(!validator(1).descends_from(selector, &lineage));
    assert!(!first.descends_from(Selector([4; 16]), &lineage));
}

#[test]
fn a_ring_tells_known_unknown_and_retired_keys_apart() {
    let id = |n| KeyId::new(n).unwrap();
    let keys = Keys(Some(ring().verify_only(id(2), &[2; 32]).unwrap().retired(id(3)).unwrap()));
    let now = Timestamp::from_millis(1_000);
    assert!(matches!(keys.usable(Some(id(1)), now), Ok(Usable::Yes(Some(key))) if key.id() == id(1)));
    assert!(matches!(keys.usable(Some(id(2)), now), Ok(Usable::Yes(Some(key))) if key.id() == id(2)));
    assert!(matches!(keys.usable(Some(id(3)), now), Ok(Usable::No)));
    assert!(matches!(keys.usable(Some(id(4)), now), Err(Failure::UnknownKey(_))));
    assert!(matches!(keys.usable(None, now), Ok(Usable::No)), "an unkeyed digest is refused");
    assert!(matches!(Keys(None).usable(Some(id(1)), now), Err(Failure::UnknownKey(_))));
    assert!(matches!(Keys(None).usable(None, now), Ok(Usable::Yes(None))));
    assert_eq!(keys.active().map(Key::id), Some(id(1)));
}

#[test]
fn short_keys_and_doubled_names_are_refused() {
    let one = KeyId::new(1).unwrap();
    assert!(Keyring::new(one, &[0; 31]).is_err());
    assert!(ring().verify_only(one, &[0; 32]).is_err());
    assert!(ring().retired(one).is_err());
}

#[test]
fn debug_shows_names_of_keys_only() {
    let shown = format!("{:?}", ring());
    assert_eq!(shown, "Keyring { active: KeyId(1), verify_only: [], retired: [], .. }");
}

static_assertions::assert_not_impl_any!(Keyring: fmt::Display, PartialEq);
