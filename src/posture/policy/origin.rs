//! The places that requests can come from, as far as some policies tell them apart.
//!
//! Ranges of addresses cut the address space into pieces, and every address of a piece is treated alike. Each
//! piece begins where a range begins, or behind the end of one, so those addresses stand for all of them.
//! How much of the space a piece takes is what tells an allow list from a list of unwanted addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::condition::network;
use super::document::Statement;
use super::request::Origin;

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
    /// There are more.
    pub(super) more: bool,
}

/// Addresses that are looked at, of each kind, and names of VPCs and endpoints.
const MOST: usize = 600;
const MOST_NAMES: usize = 16;

/// The places that these statements tell apart.
pub(super) fn places<'s>(statements: impl Iterator<Item = &'s Statement> + Clone) -> Places {
    let values = |key: &'static str| {
        let conditions = statements.clone().flat_map(|statement| &statement.conditions);
        conditions.filter(move |condition| condition.key == key).flat_map(|condition| &condition.values)
    };
    let nets = |key| values(key).filter_map(|value| network(value)).collect::<BTreeSet<IpNet>>();
    let names = |key, other: &str| {
        let named: BTreeSet<&str> = values(key).map(String::as_str).collect();
        let other = std::iter::once((other.to_owned(), false));
        other.chain(named.into_iter().map(|name| (name.to_owned(), true))).collect::<Vec<_>>()
    };
    let (public, private) = (pieces(&nets("aws:sourceip")), pieces(&nets("aws:vpcsourceip")));
    let vpcs = names("aws:sourcevpc", "vpc-0elsewhere");
    let endpoints = names("aws:sourcevpce", "vpce-0elsewhere");
    let more = [public.len(), private.len()].iter().any(|length| *length > MOST)
        || [vpcs.len(), endpoints.len()].iter().any(|length| *length > MOST_NAMES);
    let internet = public.into_iter().take(MOST).map(|(address, share)| Place {
        origin: Origin::Internet(address),
        kind: if address.is_ipv4() { Kind::InternetV4 } else { Kind::InternetV6 },
        share,
    });
    let mut places: Vec<Place> = internet.collect();
    for (vpc, vpc_named) in vpcs.iter().take(MOST_NAMES) {
        for (vpce, vpce_named) in endpoints.iter().take(MOST_NAMES) {
            for &(address, share) in private.iter().take(MOST) {
                let kind = match (*vpc_named || *vpce_named, address) {
                    (true, _) => Kind::Named,
                    (false, IpAddr::V4(_)) => Kind::Endpoint,
                    (false, IpAddr::V6(_)) => Kind::EndpointV6,
                };
                let origin = Origin::Endpoint { address, vpc: vpc.clone(), vpce: vpce.clone() };
                places.push(Place { origin, kind, share });
            }
        }
    }
    Places { places, more }
}

/// The first address of each piece that the ranges cut the space into, with the piece's share of its family.
fn pieces(nets: &BTreeSet<IpNet>) -> Vec<(IpAddr, f64)> {
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
    heads.iter().enumerate().map(|(at, head)| (*head, share(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cut_the_space_into_pieces() {
        let nets = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "2001:db8::/32"];
        let nets: BTreeSet<IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
        let pieces = pieces(&nets);
        let heads: Vec<String> = pieces.iter().map(|(head, _)| head.to_string()).collect();
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
        let v4: f64 = pieces.iter().filter(|(head, _)| head.is_ipv4()).map(|(_, share)| share).sum();
        let v6: f64 = pieces.iter().filter(|(head, _)| head.is_ipv6()).map(|(_, share)| share).sum();
        assert!((v4 - 1.0).abs() < 1e-9 && (v6 - 1.0).abs() < 1e-9, "{v4} {v6}");
    }
}
