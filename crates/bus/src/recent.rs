//! Which messages of other nodes were heard already. One may come more than once: by the subject of
//! its thread and by those of users it concerns, and by two subscriptions while one replaces another.

use std::collections::HashMap;
use std::sync::Arc;

/// Counters remembered of each node: what comes this much later is taken for new. The store's stamps
/// then tell that it is not.
const WINDOW: u64 = 65_536;
/// Nodes remembered at a time.
const NODES: usize = 1_024;

#[derive(Default)]
pub(crate) struct Recent {
    nodes: HashMap<Arc<str>, Window>,
    calls: u64,
}

struct Window {
    /// The highest counter so far.
    top: u64,
    /// One bit for each counter above `top - WINDOW`.
    heard: Box<[u64]>,
    last_call: u64,
}

impl Recent {
    /// True the first time.
    pub fn is_new(&mut self, node: &Arc<str>, counter: u64) -> bool {
        self.calls += 1;
        if let Some(window) = self.nodes.get_mut(node) {
            window.last_call = self.calls;
            return window.is_new(counter);
        }
        if self.nodes.len() >= NODES {
            let oldest = self.nodes.iter().min_by_key(|(_, window)| window.last_call);
            if let Some(node) = oldest.map(|(node, _)| node.clone()) {
                self.nodes.remove(&node);
            }
        }
        let mut window = Window {
            top: counter,
            heard: vec![0; (WINDOW / 64) as usize].into(),
            last_call: self.calls,
        };
        window.mark(counter);
        self.nodes.insert(node.clone(), window);
        true
    }
}

impl Window {
    fn is_new(&mut self, counter: u64) -> bool {
        if counter > self.top {
            if counter - self.top >= WINDOW {
                self.heard.fill(0);
            } else {
                for passed in self.top + 1..counter {
                    let (word, bit) = Self::place(passed);
                    self.heard[word] &= !bit;
                }
            }
            self.top = counter;
        } else if self.top - counter >= WINDOW {
            return true;
        } else {
            let (word, bit) = Self::place(counter);
            if self.heard[word] & bit != 0 {
                return false;
            }
        }
        self.mark(counter);
        true
    }

    fn mark(&mut self, counter: u64) {
        let (word, bit) = Self::place(counter);
        self.heard[word] |= bit;
    }

    fn place(counter: u64) -> (usize, u64) {
        let place = counter % WINDOW;
        ((place / 64) as usize, 1 << (place % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn within_the_window_it_is_a_set(
            start in prop_oneof![Just(0), Just(WINDOW - 3), Just(u64::MAX - 400)],
            counters in vec(0..300u64, 1..600),
        ) {
            let (mut recent, mut model, node) = (Recent::default(), HashSet::new(), Arc::from("n1"));
            for counter in counters {
                prop_assert_eq!(recent.is_new(&node, start + counter), model.insert(counter));
            }
        }
    }

    #[test]
    fn a_leap_forgets_and_what_is_too_old_counts_as_new() {
        let (mut recent, node) = (Recent::default(), Arc::from("n1"));
        assert!(recent.is_new(&node, 5));
        assert!(recent.is_new(&node, 5 + WINDOW));
        assert!(!recent.is_new(&node, 5 + WINDOW));
        assert!(recent.is_new(&node, 6), "the same bit as none that was heard");
        assert!(recent.is_new(&node, 5), "too old to be known");
        assert!(recent.is_new(&node, 10 * WINDOW));
        assert!(recent.is_new(&node, 10 * WINDOW - 1));
    }

    #[test]
    fn nodes_are_bounded_and_the_longest_silent_goes() {
        let mut recent = Recent::default();
        let node = |n: usize| Arc::from(format!("n{n}"));
        for n in 0..NODES {
            assert!(recent.is_new(&node(n), 1));
        }
        assert!(!recent.is_new(&node(0), 1));
        assert!(recent.is_new(&node(NODES), 1));
        assert_eq!(recent.nodes.len(), NODES);
        assert!(!recent.is_new(&node(0), 1), "heard of lately");
        assert!(recent.is_new(&node(1), 1), "forgotten");
    }
}
