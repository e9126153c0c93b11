//! The containers that log platforms put around CloudTrail events: a closed list of places.
//!
//! A place is a path from a document's outermost object. The value at its end is read like a document: an
//! event, a string that holds one, or another container. Nothing is searched for: an event anywhere else is
//! reported as unread (`suspicion`), never guessed at.

mod cloudtrail;
mod cloudwatch;
mod elastic;
mod eventbridge;
mod finding;
mod lake;
mod queues;
mod splunk;

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The step to the member of an object that has this name.
    Member(&'static str),
    /// The step to each element of an array.
    Each,
}

/// The way to a place.
pub(super) type Path = &'static [Step];

/// All places, by the maker of the container.
const PLACES: [&[Path]; 8] = [
    cloudtrail::PLACES,
    cloudwatch::PLACES,
    elastic::PLACES,
    eventbridge::PLACES,
    finding::PLACES,
    lake::PLACES,
    queues::PLACES,
    splunk::PLACES,
];

/// The lengths of the first names of places, by their first byte, one bit each. Most keys of an event have
/// another length.
const LENGTHS: [u32; 256] = lengths();

const fn lengths() -> [u32; 256] {
    let mut lengths = [0; 256];
    let mut maker = 0;
    while maker < PLACES.len() {
        let mut place = 0;
        while place < PLACES[maker].len() {
            if let [Step::Member(name), ..] = PLACES[maker][place] {
                lengths[name.as_bytes()[0] as usize] |= 1 << name.len();
            }
            place += 1;
        }
        maker += 1;
    }
    lengths
}

/// Returns the name of the places that begin with this member, if there are any.
#[inline]
pub(super) fn named(key: &[u8]) -> Option<&'static str> {
    let lengths = LENGTHS[usize::from(*key.first()?)];
    if key.len() >= 32 || lengths >> key.len() & 1 == 0 {
        return None;
    }
    all().find_map(|path| match path {
        [Step::Member(name), ..] if name.as_bytes() == key => Some(*name),
        _ => None,
    })
}

/// Returns the ways on from a member of the outermost object.
pub(super) fn below(name: &str) -> Vec<Path> {
    onward(all(), name)
}

/// Returns the ways on from a member further in.
pub(super) fn below_member(paths: &[Path], name: &str) -> Vec<Path> {
    onward(paths.iter().copied(), name)
}

/// Returns the ways on from the elements of an array.
pub(super) fn below_each(paths: &[Path]) -> Vec<Path> {
    paths
        .iter()
        .filter_map(|path| match path {
            [Step::Each, rest @ ..] => Some(rest),
            _ => None,
        })
        .collect()
}

fn onward(paths: impl Iterator<Item = Path>, name: &str) -> Vec<Path> {
    paths
        .filter_map(|path| match path {
            [Step::Member(member), rest @ ..] if *member == name => Some(rest),
            _ => None,
        })
        .collect()
}

fn all() -> impl Iterator<Item = Path> {
    PLACES.into_iter().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_members_of_all_places_are_known_by_name() {
        for path in all() {
            let Step::Member(name) = path[0] else { panic!("{path:?}") };
            assert_eq!(named(name.as_bytes()), Some(name));
            assert!(below(name).contains(&&path[1..]), "{name}");
        }
        for other in [
            "",
            "x",
            "records",
            "RECORDS",
            "eventName",
            "event_",
            "messages",
            "a key of more than 32 letters",
        ] {
            assert_eq!(named(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn ways_go_on_step_by_step() {
        assert_eq!(below("hits"), [&[Step::Member("hits"), Step::Each][..]]);
        assert_eq!(below_member(&below("hits"), "hits"), [&[Step::Each][..]]);
        assert_eq!(below_each(&below_member(&below("hits"), "hits")), [&[][..]] as [Path; 1]);
        assert_eq!(below_member(&below("hits"), "total"), [] as [Path; 0]);
    }
}
