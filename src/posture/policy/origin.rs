//! The places that requests can come from, as far as some policies tell them apart.
//!
//! Ranges of addresses cut the address space into pieces, and every address of a piece is treated alike. Each
//! piece begins where a range begins, or behind the end of one, so those addresses stand for all of them.
//! How much of the space a piece takes is what tells an allow list from a list of unwanted addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::condition::{Truth, evaluate, network};
use super::document::{Condition, Statement};
use super::request::{KEYS, Origin, Request};

/// What kind of place: the shares of each kind add up to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    InternetV4,
    InternetV6,
    /// A VPC endpoint that no policy names, in a VPC that none names.
    Endpoint,
    EndpointV6,
    /// An endpoint or a VPC that some policy names.
    Named,
}

/// A piece of the places.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) origin: Origin,
    pub(super) kind: Kind,
    /// The piece's share of the addresses of its kind.
    pub(super) share: f64,
}

/// All places, or as many as are looked at.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) places: Vec<Place>,
    /// More places exist than are looked at.
    pub(super) more: bool,
}

/// Addresses of each way that are looked at, and places in all.
const MOST: usize = 8192;
const MOST_PLACES: usize = 2048;

/// Returns the places that these statements tell apart. What they treat alike is one place, so a list of a thousand
/// offices makes two: those, and elsewhere. `request`: any request of the account.
pub(super) fn places<'s>(
    statements: impl Iterator<Item = &'s Statement> + Clone,
    request: &Request<'_>,
) -> Places {
    let conditions = |key: &'static str| {
        let all = statements.clone().flat_map(|statement| {
            statement.conditions.iter().map(|condition| (condition, statement.variables))
        });
        all.filter(|(condition, _)| condition.key == key).collect::<Vec<_>>()
    };
    let [ips, vpc_ips, vpcs, vpces] = KEYS.map(conditions);
    let truths = |conditions: &[(&Condition, bool)], origin: &Origin| -> Vec<Truth> {
        let request = Request { origin, ..request.clone() };
        conditions.iter().map(|(condition, variables)| evaluate(condition, *variables, &request)).collect()
    };
    let endpoint = |address: IpAddr, vpc: &str, vpce: &str| Origin::Endpoint {
        address,
        vpc: vpc.to_owned(),
        vpce: vpce.to_owned(),
    };
    let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let (public, private) = (pieces(&nets(&ips)), pieces(&nets(&vpc_ips)));
    let more = public.len() > MOST || private.len() > MOST;
    let public = merged(public, |address| truths(&ips, &Origin::Internet(*address)));
    let private = merged(private, |address| truths(&vpc_ips, &endpoint(*address, VPC, VPCE)));
    let vpcs = merged(names(&vpcs, VPC), |vpc| truths(&vpcs, &endpoint(nowhere, vpc, VPCE)));
    let vpces = merged(names(&vpces, VPCE), |vpce| truths(&vpces, &endpoint(nowhere, VPC, vpce)));
    let internet = public.into_iter().map(|(address, is_v4, share)| Place {
        origin: Origin::Internet(address),
        kind: if is_v4 { Kind::InternetV4 } else { Kind::InternetV6 },
        share,
    });
    let mut places: Vec<Place> = internet.collect();
    for (vpc, vpc_named, _) in &vpcs {
        for (vpce, vpce_named, _) in &vpces {
            for &(address, is_v4, share) in &private {
                let kind = match (*vpc_named || *vpce_named, is_v4) {
                    (true, _) => Kind::Named,
                    (false, true) => Kind::Endpoint,
                    (false, false) => Kind::EndpointV6,
                };
                places.push(Place { origin: endpoint(address, vpc, vpce), kind, share });
            }
        }
    }
    let more = more || places.len() > MOST_PLACES;
    places.truncate(MOST_PLACES);
    Places { places, more }
}

/// A VPC and an endpoint that no policy names.
const VPC: &str = "vpc-0elsewhere";
const VPCE: &str = "vpce-0elsewhere";

/// A value, its kind (whether an address is of IPv4, whether a policy has the name), and its share.
type Part<T> = (T, bool, f64);

/// Merges the parts that the conditions treat alike into one with the share of all.
fn merged<T>(parts: Vec<Part<T>>, truths: impl Fn(&T) -> Vec<Truth>) -> Vec<Part<T>> {
    let mut classes = BTreeMap::<(bool, Vec<Truth>), usize>::new();
    let mut merged: Vec<Part<T>> = Vec::new();
    for (value, kind, share) in parts.into_iter().take(MOST) {
        let class = *classes.entry((kind, truths(&value))).or_insert(merged.len());
        match merged.get_mut(class) {
            Some((.., whole)) => *whole += share,
            None => merged.push((value, kind, share)),
        }
    }
    merged
}

fn nets(conditions: &[(&Condition, bool)]) -> BTreeSet<IpNet> {
    let values = conditions.iter().flat_map(|(condition, _)| &condition.values);
    values.filter_map(|value| network(value)).collect()
}

/// Returns the names that policies have, behind one that none has.
fn names(conditions: &[(&Condition, bool)], other: &str) -> Vec<Part<String>> {
    let named: BTreeSet<&str> =
        conditions.iter().flat_map(|(condition, _)| &condition.values).map(String::as_str).collect();
    let other = std::iter::once((other.to_owned(), false, 1.0));
    other.chain(named.into_iter().map(|name| (name.to_owned(), true, 0.0))).collect()
}

/// Returns the first address of each piece that the ranges cut the space into, with the piece's share of its family.
fn pieces(nets: &BTreeSet<IpNet>) -> Vec<Part<IpAddr>> {
    let mut heads = BTreeSet::from([IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)]);
    for net in nets {
        heads.insert(net.network());
        heads.extend(match net.broadcast() {
            IpAddr::V4(last) => last.to_bits().checked_add(1).map(|bits| IpAddr::V4(bits.into())),
            IpAddr::V6(last) => last.to_bits().checked_add(1).map(|bits| IpAddr::V6(bits.into())),
        });
    }
    let heads: Vec<IpAddr> = heads.into_iter().collect();
    let share = |at: usize| match (heads[at], heads.get(at + 1)) {
        (IpAddr::V4(head), Some(IpAddr::V4(next))) => {
            f64::from(next.to_bits() - head.to_bits()) / 2_f64.powi(32)
        }
        (IpAddr::V4(head), _) => 1.0 - f64::from(head.to_bits()) / 2_f64.powi(32),
        (IpAddr::V6(head), Some(IpAddr::V6(next))) => {
            (next.to_bits() - head.to_bits()) as f64 / 2_f64.powi(128)
        }
        (IpAddr::V6(head), _) => 1.0 - head.to_bits() as f64 / 2_f64.powi(128),
    };
    heads.iter().enumerate().map(|(at, head)| (*head, head.is_ipv4(), share(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cut_the_space_into_pieces() {
        let nets = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "2001:db8::/32"];
        let nets: BTreeSet<IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
        let pieces = pieces(&nets);
        let heads: Vec<String> = pieces.iter().map(|(head, ..)| head.to_string()).collect();
        let expected = [
            "0.0.0.0",
            "10.0.0.0",
            "10.1.0.0",
            "10.2.0.0",
            "11.0.0.0",
            "192.0.2.0",
            "192.0.3.0",
            "::",
            "2001:db8::",
            "2001:db9::",
        ];
        assert_eq!(heads, expected);
        let v4: f64 = pieces.iter().filter(|(_, is_v4, _)| *is_v4).map(|(.., share)| share).sum();
        let v6: f64 = pieces.iter().filter(|(_, is_v4, _)| !is_v4).map(|(.., share)| share).sum();
        assert!((v4 - 1.0).abs() < 1e-9 && (v6 - 1.0).abs() < 1e-9, "{v4} {v6}");
    }
}
