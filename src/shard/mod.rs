//! A scan cut into shards that run anywhere, and put together again.
//!
//! A [`ShardPlan`] names the sources, what decides the bytes of the result, and for each shard the stretches of keys
//! that it reads; [`Cutter`] finds these in one pass over a listing. A shard writes one part ([`PartWriter`]): its
//! findings before copies are dropped and filters apply, its error lines, and a last line with its counts and the
//! hashes of the plan and of the part. [`PartReader`] reads a part back and refuses one that is not what its last line
//! says. Plan and parts lie in a [`Depot`], a folder or a prefix of a bucket, where each is put exactly once. The
//! pipeline drives all of this: [`crate::pipeline::shards`].

mod cuts;
mod depot;
mod part;
mod plan;
mod read;

pub use cuts::{CutObject, Cutter, ShardSize};
pub use depot::{Depot, DepotError};
pub use part::{PART_SCHEMA, PartEnd, PartObject, PartWriter, part_name};
pub use plan::{PLAN_NAME, PLAN_SCHEMA, PlanError, PlannedSource, ScanRequest, Shard, ShardPlan, ShardRange};
pub use read::{PartError, PartLine, PartReader};
