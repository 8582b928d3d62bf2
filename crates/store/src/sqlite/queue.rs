//! The writer's queue: urgent work first, background work one piece at a time behind it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::writer::Job;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Urgent,
    Background,
}

/// More than this many waiting changes means that the store cannot keep up: better to say so.
const CAPACITY: usize = 16_384;

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    urgent: VecDeque<Box<dyn Job>>,
    background: VecDeque<Box<dyn Job>>,
    closed: bool,
    /// The writer sleeps: only then is a wake-up, which is a system call, worth it.
    waiting: bool,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        // The lock is held for pushes and pops alone, which leave the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the job back if the queue is full or closed.
    pub(super) fn push(&self, lane: Lane, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let mut state = self.state();
        let jobs = match lane {
            Lane::Urgent => &state.urgent,
            Lane::Background => &state.background,
        };
        if state.closed || jobs.len() >= CAPACITY {
            return Err(job);
        }
        match lane {
            Lane::Urgent => state.urgent.push_back(job),
            Lane::Background => state.background.push_back(job),
        }
        let wake = std::mem::take(&mut state.waiting);
        drop(state);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_one();
    }

    /// Waits for work and takes at most `most` urgent jobs, and one background job if there is
    /// room. `None` once closed and empty.
    pub(super) fn take(&self, most: usize) -> Option<VecDeque<Box<dyn Job>>> {
        let mut state = self.state();
        loop {
            if !state.urgent.is_empty() || !state.background.is_empty() {
                let urgent = state.urgent.len().min(most);
                let mut group: VecDeque<_> = state.urgent.drain(..urgent).collect();
                if group.len() < most
                    && let Some(job) = state.background.pop_front()
                {
                    group.push_back(job);
                }
                return Some(group);
            }
            if state.closed {
                return None;
            }
            state.waiting = true;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts back, in front, what a group had no room for.
    pub(super) fn put_back(&self, rest: VecDeque<Box<dyn Job>>) {
        let mut state = self.state();
        for job in rest.into_iter().rev() {
            state.urgent.push_front(job);
        }
    }

    pub(super) fn len(&self) -> usize {
        let state = self.state();
        state.urgent.len() + state.background.len()
    }
}
