//! Header fields that may stand on several lines of a request, as many of them as are looked at. Pure.

use super::scan::Fault;

/// Lines of Via: what a request passes through on its way.
const VIAS_AT_MOST: usize = 40;

/// Lines of Via in their order. More than a few are seldom, and are read again from the header where they are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Vias<'a> {
    first: [&'a [u8]; 4],
    count: usize,
}

impl<'a> Vias<'a> {
    /// The first.
    pub(super) fn top(&self) -> Option<&'a [u8]> {
        let [top, ..] = self.first;
        (self.count > 0).then_some(top)
    }

    pub(super) fn are_all_at_hand(&self) -> bool {
        self.count <= self.first.len()
    }

    /// All of them; `again` gives every line of Via once more, unless they are all at hand.
    pub(super) fn with(&self, again: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
        let beyond = again.skip(self.first.len()).take(VIAS_AT_MOST - self.first.len());
        self.first.into_iter().take(self.count).chain(beyond)
    }

    pub(super) fn push(&mut self, line: &'a [u8]) -> Result<(), Fault> {
        if self.count == VIAS_AT_MOST {
            return Err(Fault::TooMany);
        }
        if let Some(slot) = self.first.get_mut(self.count) {
            *slot = line;
        }
        self.count += 1;
        Ok(())
    }
}

/// Values of a header field that may stand on several lines, in their order.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a, const MOST: usize> {
    lines: [&'a [u8]; MOST],
    count: usize,
}

impl<const MOST: usize> Default for Lines<'_, MOST> {
    fn default() -> Self {
        Self { lines: [&[]; MOST], count: 0 }
    }
}

impl<'a, const MOST: usize> Lines<'a, MOST> {
    pub(super) fn push(&mut self, line: &'a [u8]) -> Result<(), Fault> {
        let slot = self.lines.get_mut(self.count).ok_or(Fault::TooMany)?;
        *slot = line;
        self.count += 1;
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.lines.iter().take(self.count).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
