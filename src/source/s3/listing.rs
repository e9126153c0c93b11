//! How the objects are found: by asking S3, in an inventory, or as they were named.

use super::bucket::Bucket;
use super::entry::{Entry, Listed};
use super::inventory::Inventory;
use super::list::range::ListScope;
use super::list::tree::list_tree;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;

/// How the objects are found.
#[derive(Clone, Debug)]
pub(super) enum Listing {
    /// By asking S3.
    Tree,
    /// In an S3 Inventory.
    Inventory(Arc<Inventory>),
    /// Just these.
    Given(Vec<Entry>),
}

impl Listing {
    /// Sets a task to work that hands everything over in key order. It ends early when nobody listens.
    pub(super) fn start(
        &self,
        bucket: &Bucket,
        scope: &Arc<ListScope>,
        tasks: &mut JoinSet<()>,
        out: Sender<Listed>,
    ) {
        let (bucket, scope) = (bucket.clone(), Arc::clone(scope));
        match self {
            Self::Tree => tasks.spawn(list_tree(bucket, scope, out)),
            Self::Inventory(inventory) => {
                let inventory = Arc::clone(inventory);
                tasks.spawn_blocking(move || inventory.list(&bucket, &scope, &out))
            }
            Self::Given(entries) => {
                let entries = entries.clone();
                tasks.spawn(async move {
                    // Nobody listens only when the run is over.
                    let _over = out.send(Listed::Page(entries)).await;
                })
            }
        };
    }
}
