//! Who is next: rotation for `RoundRobin`, keyed hashing for `Random` and `Percentage`. Pure.
//!
//! The turn of a rotation comes from the caller of `decide` (a worker's counter); everything else is a function of the
//! call id, so that a decision can be replayed and a retransmission gets the same answer.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::domain::numbering::FourHundred;

/// Gives the turn of a `RoundRobin` group.
pub trait Turns {
    /// The turn of the group that goes by `group`; a rotation begins at the member `turn mod members`.
    fn turn(&mut self, group: u64) -> u64;
}

/// A fixed turn for every group: replays, tests, tools.
impl Turns for u64 {
    fn turn(&mut self, _group: u64) -> u64 {
        *self
    }
}

/// What tells one group's draws from another's: derived from the number and the group's name alone, so that an edit
/// elsewhere does not reshuffle callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupKey {
    first: u64,
    second: u64,
}

impl GroupKey {
    /// The key of a number's group.
    pub fn of(number: FourHundred, group: &str) -> Self {
        let half = |salt: u64| {
            let mut hasher = SipHasher24::new_with_keys(salt, number.as_u64());
            hasher.write(group.as_bytes());
            hasher.finish()
        };
        Self { first: half(0x3430_302d_6472_6177), second: half(0x3430_302d_7475_726e) }
    }

    /// The name under which [`Turns`] counts this group.
    pub fn turn_name(self) -> u64 {
        self.first
    }

    /// The draw of a call: SipHash-2-4 of its call id under this key.
    pub fn draw(self, call_id: &str) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.first, self.second);
        hasher.write(call_id.as_bytes());
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_number_group_and_call_only() {
        let one: FourHundred = "4001000868".parse().unwrap();
        let other: FourHundred = "4001000869".parse().unwrap();
        let draw = GroupKey::of(one, "trial").draw("a84b4c76e66710");
        assert_eq!(draw, GroupKey::of(one, "trial").draw("a84b4c76e66710"));
        assert_ne!(draw, GroupKey::of(other, "trial").draw("a84b4c76e66710"));
        assert_ne!(draw, GroupKey::of(one, "service").draw("a84b4c76e66710"));
        assert_ne!(draw, GroupKey::of(one, "trial").draw("a84b4c76e66711"));
    }
}
