//! What some statements leave: an action on a resource that each level allows and no statement denies.
//!
//! A statement is a rectangle, actions by resources. To get past a Deny, a request leaves the rectangle on
//! one side or the other; to pass a level, it is inside one of its Allows. For each combination of sides the
//! two sides are searched by themselves. The easy combinations come first; where there are too many, the
//! question stays open.

use super::document::Statement;
use super::glob::Glob;
use super::search::{Demand, Found, Set, find};

/// What is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// A request that passes: the shortest made-up action, and resource.
    Something {
        action: String,
        resource: String,
    },
    Nothing,
    TooMuchToSay,
}

/// Combinations of sides that are tried.
const MOST: usize = 1024;

/// Looks for a request that passes. `words`: the memory that the searches may take together.
pub(super) fn leftover(denies: &[&Statement], levels: &[Vec<&Statement>], words: &mut usize) -> Left {
    let (mut actions, mut resources, mut corners) = (Vec::new(), Vec::new(), Vec::new());
    for deny in denies {
        match (deny.actions.is_everything(), deny.resources.is_everything()) {
            (true, true) => return Left::Nothing,
            (true, false) => resources.push(&deny.resources),
            (false, true) => actions.push(&deny.actions),
            (false, false) => corners.push(*deny),
        }
    }
    let levels: Vec<Vec<Gate<'_>>> = levels.iter().map(|allows| gates(allows)).collect();
    if levels.iter().any(Vec::is_empty) {
        return Left::Nothing;
    }
    let ways = levels.iter().map(Vec::len).fold(1_usize, usize::saturating_mul);
    let sides = u32::try_from(corners.len()).ok().and_then(|n| 1_usize.checked_shl(n)).unwrap_or(usize::MAX);
    let exhaustive = ways.saturating_mul(sides) <= MOST;
    let mut unsure = !exhaustive;
    for way in 0..ways.min(MOST) {
        let chosen = choose(&levels, way);
        // Every corner passed by its actions, every corner by its resources, then whatever lies between.
        let last = if exhaustive { sides } else { 1 };
        let simple = [0, usize::MAX].into_iter();
        for by_resource in simple.chain(1..last.saturating_sub(1)) {
            let (mut not_actions, mut not_resources) = (actions.clone(), resources.clone());
            for (number, corner) in corners.iter().enumerate() {
                if by_resource >> number.min(63) & 1 == 1 {
                    not_resources.push(&corner.resources);
                } else {
                    not_actions.push(&corner.actions);
                }
            }
            match pass(&chosen, not_actions, not_resources, words) {
                Left::Nothing => {}
                Left::TooMuchToSay => unsure = true,
                something @ Left::Something { .. } => return something,
            }
        }
    }
    if unsure { Left::TooMuchToSay } else { Left::Nothing }
}

/// A way through a level: the action in one of these sets, and the resource in this one.
#[derive(Clone, Debug)]
struct Gate<'s> {
    actions: Vec<&'s Set>,
    resources: Option<&'s Set>,
}

fn gates<'s>(allows: &[&'s Statement]) -> Vec<Gate<'s>> {
    let (wide, narrow): (Vec<&&Statement>, Vec<&&Statement>) =
        allows.iter().partition(|allow| allow.resources.is_everything());
    let wide: Vec<&Set> = wide.into_iter().map(|allow| &allow.actions).collect();
    let wide = (!wide.is_empty()).then_some(Gate { actions: wide, resources: None });
    let narrow = narrow
        .into_iter()
        .map(|allow| Gate { actions: vec![&allow.actions], resources: Some(&allow.resources) });
    wide.into_iter().chain(narrow).collect()
}

/// Returns the way's gate of each level.
fn choose<'g, 's>(levels: &'g [Vec<Gate<'s>>], mut way: usize) -> Vec<&'g Gate<'s>> {
    let mut chosen = Vec::with_capacity(levels.len());
    for level in levels {
        chosen.push(&level[way % level.len()]);
        way /= level.len();
    }
    chosen
}

fn pass(gates: &[&Gate<'_>], not_actions: Vec<&Set>, not_resources: Vec<&Set>, words: &mut usize) -> Left {
    let allowed = gates.iter().filter(|gate| !gate.actions.iter().any(|set| set.is_everything()));
    let mut actions: Vec<Demand<'_>> =
        allowed.map(|gate| Demand { sets: gate.actions.clone(), wanted: true }).collect();
    actions.push(Demand { sets: not_actions, wanted: false });
    let allowed = gates.iter().filter_map(|gate| gate.resources);
    let mut resources: Vec<Demand<'_>> =
        allowed.map(|set| Demand { sets: vec![set], wanted: true }).collect();
    resources.push(Demand { sets: not_resources, wanted: false });
    let action = match find(&Glob::new("?*:?*"), &actions, words) {
        Found::Text(action) => action,
        Found::Nothing => return Left::Nothing,
        Found::TooMany => return Left::TooMuchToSay,
    };
    match find(&Glob::new("?*"), &resources, words) {
        Found::Text(resource) => Left::Something { action, resource },
        Found::Nothing => Left::Nothing,
        Found::TooMany => Left::TooMuchToSay,
    }
}
