//! Which subscriptions a node holds for what it follows. Pure: it is told what is followed and says
//! what to subscribe to; `nats::subscriptions` does it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use samband_core::{ResourceId, StreamId, UserId};

/// What a node wants to hear from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    Thread(ResourceId, StreamId),
    User(ResourceId, UserId),
    /// The notes of all threads of a resource.
    Resource(ResourceId),
}

/// Threads are spread over this many buckets: so a node that follows a great many of them holds no
/// more subscriptions of a resource than this, times [`FEW`].
const BUCKETS: u16 = 1_024;
/// Up to here each one of a bucket has a subscription of its own.
const FEW: usize = 16;
/// Back to here the bucket is given up again. Lower than [`FEW`], so that one thread that comes and
/// goes does not make the node change its mind each time.
const FEWER: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Thread,
    User,
}

/// One subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Filter {
    One(ResourceId, Kind, [u8; 16]),
    Bucket(ResourceId, Kind, u16),
    /// All threads of a resource.
    Threads(ResourceId),
}

/// From the end of the id: its beginning is the time when it was made.
pub(crate) fn bucket(id: &[u8; 16]) -> u16 {
    u16::from_be_bytes([id[14], id[15]]) % BUCKETS
}

impl Filter {
    pub fn subject(&self) -> String {
        let letter = |kind| if kind == Kind::Thread { 't' } else { 'u' };
        let mut subject = String::with_capacity(88);
        subject.push_str("samband.");
        // Writing to a text cannot fail.
        let _ = match self {
            Self::One(resource, kind, id) => {
                hex(resource.as_bytes(), &mut subject);
                let written = write!(subject, ".{}.{}.", letter(*kind), bucket(id));
                hex(id, &mut subject);
                written
            }
            Self::Bucket(resource, kind, bucket) => {
                hex(resource.as_bytes(), &mut subject);
                write!(subject, ".{}.{bucket}.*", letter(*kind))
            }
            Self::Threads(resource) => {
                hex(resource.as_bytes(), &mut subject);
                write!(subject, ".t.>")
            }
        };
        subject
    }
}

fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
        }
    }
}

/// What is followed, and the subscriptions that follow from it.
#[derive(Default)]
pub(crate) struct Interest {
    buckets: HashMap<(ResourceId, Kind, u16), Bucket>,
    /// How often each resource is followed as a whole.
    resources: HashMap<ResourceId, usize>,
    wanted: HashSet<Filter>,
    /// Where `wanted` differs from what it was when last asked: bounded by what is and what was wanted.
    changed: HashSet<Filter>,
}

#[derive(Default)]
struct Bucket {
    /// How often each is followed.
    followed: HashMap<[u8; 16], usize>,
    whole: bool,
}

impl Interest {
    pub fn follow(&mut self, topic: Topic) {
        match topic {
            Topic::Thread(resource, StreamId(id)) => self.follow_one(resource, Kind::Thread, id),
            Topic::User(resource, user) => self.follow_one(resource, Kind::User, *user.as_bytes()),
            Topic::Resource(resource) => {
                let times = self.resources.entry(resource).or_default();
                *times += 1;
                if *times == 1 {
                    self.cover(resource, true);
                }
            }
        }
    }

    /// Without effect if the topic is not followed.
    pub fn unfollow(&mut self, topic: Topic) {
        match topic {
            Topic::Thread(resource, StreamId(id)) => self.unfollow_one(resource, Kind::Thread, id),
            Topic::User(resource, user) => self.unfollow_one(resource, Kind::User, *user.as_bytes()),
            Topic::Resource(resource) => {
                let Some(times) = self.resources.get_mut(&resource) else {
                    return;
                };
                *times -= 1;
                if *times == 0 {
                    self.resources.remove(&resource);
                    self.cover(resource, false);
                }
            }
        }
    }

    fn follow_one(&mut self, resource: ResourceId, kind: Kind, id: [u8; 16]) {
        let key = (resource, kind, bucket(&id));
        let bucket = self.buckets.entry(key).or_default();
        let times = bucket.followed.entry(id).or_default();
        *times += 1;
        if *times > 1 {
            return;
        }
        if bucket.whole {
            return;
        }
        if bucket.followed.len() <= FEW {
            if !self.is_covered(resource, kind) {
                self.want(Filter::One(resource, kind, id), true);
            }
            return;
        }
        bucket.whole = true;
        self.show(key, true);
    }

    fn unfollow_one(&mut self, resource: ResourceId, kind: Kind, id: [u8; 16]) {
        let key = (resource, kind, bucket(&id));
        let Some(bucket) = self.buckets.get_mut(&key) else {
            return;
        };
        let Some(times) = bucket.followed.get_mut(&id) else {
            return;
        };
        *times -= 1;
        if *times > 0 {
            return;
        }
        bucket.followed.remove(&id);
        if !bucket.whole {
            if bucket.followed.is_empty() {
                self.buckets.remove(&key);
            }
            self.want(Filter::One(resource, kind, id), false);
        } else if bucket.followed.len() <= FEWER {
            bucket.whole = false;
            self.show(key, true);
        }
    }

    /// Puts a bucket's own subscriptions in the place of others, or takes them away.
    fn show(&mut self, key: (ResourceId, Kind, u16), is_shown: bool) {
        let (resource, kind, number) = key;
        let is_shown = is_shown && !self.is_covered(resource, kind);
        let Some(bucket) = self.buckets.get(&key) else { return };
        let whole = bucket.whole;
        let ids: Vec<_> = bucket.followed.keys().copied().collect();
        self.want(Filter::Bucket(resource, kind, number), is_shown && whole);
        for id in ids {
            self.want(Filter::One(resource, kind, id), is_shown && !whole);
        }
    }

    /// One subscription for all threads of a resource stands in for all others of its threads.
    fn cover(&mut self, resource: ResourceId, is_covered: bool) {
        self.want(Filter::Threads(resource), is_covered);
        let of_resource = |key: &&(ResourceId, Kind, u16)| key.0 == resource && key.1 == Kind::Thread;
        let keys: Vec<_> = self.buckets.keys().filter(of_resource).copied().collect();
        for key in keys {
            self.show(key, !is_covered);
        }
    }

    fn is_covered(&self, resource: ResourceId, kind: Kind) -> bool {
        kind == Kind::Thread && self.resources.contains_key(&resource)
    }

    fn want(&mut self, filter: Filter, is_wanted: bool) {
        let has_changed = if is_wanted {
            self.wanted.insert(filter)
        } else {
            self.wanted.remove(&filter)
        };
        if has_changed && !self.changed.remove(&filter) {
            self.changed.insert(filter);
        }
    }

    /// Where the subscriptions may have to change since the last call: what is now wanted, and what
    /// no longer is.
    pub fn take_changes(&mut self) -> (Vec<Filter>, Vec<Filter>) {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().partition(|filter| self.wanted.contains(filter))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn resource(n: u8) -> ResourceId {
        ResourceId::from_bytes([n; 16])
    }

    /// Ids of two buckets.
    fn id(n: u8) -> [u8; 16] {
        let mut id = [n; 16];
        (id[14], id[15]) = (0, n % 2);
        id
    }

    fn thread(r: u8, n: u8) -> Topic {
        Topic::Thread(resource(r), StreamId(id(n)))
    }

    fn topic() -> impl Strategy<Value = Topic> {
        prop_oneof![
            6 => (0..2u8, 0..12u8).prop_map(|(r, n)| thread(r, n)),
            6 => (0..2u8, 0..12u8).prop_map(|(r, n)| Topic::User(resource(r), UserId::from_bytes(id(n)))),
            1 => (0..2u8).prop_map(|r| Topic::Resource(resource(r))),
        ]
    }

    fn hears(filters: &HashSet<Filter>, resource: ResourceId, kind: Kind, id: [u8; 16]) -> usize {
        let all = kind == Kind::Thread && filters.contains(&Filter::Threads(resource));
        usize::from(filters.contains(&Filter::One(resource, kind, id)))
            + usize::from(filters.contains(&Filter::Bucket(resource, kind, bucket(&id))))
            + usize::from(all)
    }

    proptest! {
        #[test]
        fn each_topic_has_one_subscription_and_none_is_idle(
            steps in vec((topic(), 0..5u8, any::<bool>()), 1..300),
        ) {
            let mut interest = Interest::default();
            let mut followed: HashMap<Topic, usize> = HashMap::new();
            let mut active: HashSet<Filter> = HashSet::new();
            for (topic, follow, look) in steps {
                if follow < 3 {
                    interest.follow(topic);
                    *followed.entry(topic).or_default() += 1;
                } else {
                    interest.unfollow(topic);
                    if let Some(times) = followed.get_mut(&topic) {
                        *times -= 1;
                        if *times == 0 {
                            followed.remove(&topic);
                        }
                    }
                }
                if !look {
                    continue;
                }
                let (wanted, unwanted) = interest.take_changes();
                active.extend(wanted);
                for filter in unwanted {
                    active.remove(&filter);
                }
                let mut counts: HashMap<(ResourceId, Kind, u16), usize> = HashMap::new();
                for topic in followed.keys() {
                    let (resource, kind, id) = match *topic {
                        Topic::Thread(resource, StreamId(id)) => (resource, Kind::Thread, id),
                        Topic::User(resource, user) => (resource, Kind::User, *user.as_bytes()),
                        Topic::Resource(resource) => {
                            prop_assert!(active.contains(&Filter::Threads(resource)));
                            continue;
                        }
                    };
                    *counts.entry((resource, kind, bucket(&id))).or_default() += 1;
                    prop_assert_eq!(hears(&active, resource, kind, id), 1, "{:?} in {:?}", topic, &active);
                }
                for filter in &active {
                    let idle = match *filter {
                        Filter::One(resource, Kind::Thread, id) =>
                            !followed.contains_key(&Topic::Thread(resource, StreamId(id))),
                        Filter::One(resource, Kind::User, id) =>
                            !followed.contains_key(&Topic::User(resource, UserId::from_bytes(id))),
                        Filter::Bucket(resource, kind, bucket) =>
                            counts.get(&(resource, kind, bucket)).is_none_or(|n| *n <= FEWER),
                        Filter::Threads(resource) => !followed.contains_key(&Topic::Resource(resource)),
                    };
                    prop_assert!(!idle, "{:?}", filter);
                    if let Filter::One(resource, kind, id) = *filter {
                        prop_assert!(counts[&(resource, kind, bucket(&id))] <= FEW);
                    }
                }
            }
            for (topic, times) in followed {
                for _ in 0..times {
                    interest.unfollow(topic);
                }
            }
            prop_assert!(interest.wanted.is_empty() && interest.buckets.is_empty() && interest.resources.is_empty());
        }
    }

    #[test]
    fn a_bucket_is_taken_whole_beyond_few_and_given_up_at_fewer() {
        let mut interest = Interest::default();
        // The last bytes of an id choose its bucket: even ones have the first.
        let threads: Vec<u8> = (0..=FEW).map(|n| 2 * u8::try_from(n).expect("few")).collect();
        for n in &threads {
            interest.follow(thread(1, *n));
        }
        let whole = Filter::Bucket(resource(1), Kind::Thread, 0);
        assert_eq!(interest.take_changes().0, [whole]);
        for n in &threads[FEWER + 1..] {
            interest.unfollow(thread(1, *n));
            assert_eq!(interest.take_changes(), (vec![], vec![]));
        }
        interest.unfollow(thread(1, threads[FEWER]));
        let (mut wanted, unwanted) = interest.take_changes();
        wanted.sort();
        let singles: Vec<_> = threads[..FEWER]
            .iter()
            .map(|n| Filter::One(resource(1), Kind::Thread, id(*n)))
            .collect();
        assert_eq!((wanted, unwanted), (singles, vec![whole]));
    }
}
