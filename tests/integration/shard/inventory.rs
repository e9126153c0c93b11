//! A plan of shards that takes its keys from an S3 Inventory.

use std::fs;

use super::world::{start, world};
use crate::inventory::{MANIFEST, trail};
use crate::support::s3::{Bucket, Op};
use serde_json::Value;

#[test]
fn a_plan_from_an_inventory_has_the_shards_of_a_listing_and_the_bytes_of_one_scan() {
    world(|world| {
        let (objects, inventory) = trail();
        world.server.put("trail", Bucket::new(objects));
        inventory.put(world.server);
        let manifest = format!("s3://lists/{MANIFEST}");
        let plan = |place: &str, further: &[&str]| -> Value {
            let request =
                ["shard", "plan", "-q", "s3://trail", "--shards", "5", "--with-manifest", "--into", place];
            let done = world.run(&[&request, further].concat());
            assert_eq!(done.code, 0, "{done:?}");
            serde_json::from_slice(&fs::read(world.folder.at(place).join("plan.json")).unwrap()).unwrap()
        };
        let listed = plan("listed", &[]);
        world.server.take_asked();
        let found = plan("found", &["--inventory", &manifest]);
        let lists = world.server.take_asked().iter().filter(|one| one.op == Op::List).count();
        assert_eq!(lists, 2, "no more than a look at each bucket");
        for part in ["shards", "objects", "bytes", "complete"] {
            assert_eq!(found[part], listed[part], "{part}");
        }
        assert_eq!(found["shards"].as_array().unwrap().len(), 5);
        assert_eq!(found["sources"][0]["until_ms"], 1_770_685_200_000_u64, "the time of the inventory");

        for shard in [3, 0, 4, 1, 2] {
            assert_eq!(start(world, "found/plan.json", shard).wait().unwrap().code(), Some(0));
        }
        let scanned = world.outputs("scan", &["scan", "s3://trail"], true);
        let collected = world.outputs("collect", &["shard", "collect", "--plan", "found/plan.json"], true);
        assert_eq!(collected, scanned);
    });
}
