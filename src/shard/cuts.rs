//! Where to cut a listing into shards of even size: one pass, in bounded memory.
//!
//! [`Cutter`] gathers the keys into cells as they come, each with its first key, its objects and its bytes. With a
//! size for shards a cell is as large as a shard. For a number of shards the whole is not known before its end: cells
//! begin small, and each time there are too many of them, neighbours become one and the cells to come are twice as
//! large. At the end there are many cells for each shard, so that the shards are even to a part of a percent, and a
//! cut falls between any two keys, in the middle of a day as well.

use super::plan::{Shard, ShardRange};

/// Cells for each shard, where there are not too many.
const FINE: usize = 256;
/// Cells from which neighbours are joined: so many for few shards, and so many for many. A cell is its first key and
/// three numbers.
const FEWEST: usize = 1 << 14;
const MOST: usize = 1 << 18;

/// How large shards are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardSize {
    /// So many shards, whatever there is.
    Count(usize),
    /// Shards of so many bytes, but no more of them than the second number.
    Bytes(u64, usize),
}

/// One listed object, as far as cutting needs it.
#[derive(Clone, Copy, Debug)]
pub struct CutObject<'k> {
    /// The source's place.
    pub source: usize,
    /// The key. `None`: no cut may fall before it.
    pub key: Option<&'k str>,
    /// Stored bytes.
    pub bytes: u64,
}

#[derive(Clone, Debug, Default)]
struct Cell {
    source: usize,
    /// Empty for the first of a source.
    from: String,
    objects: u64,
    bytes: u64,
    /// Bytes, and something for each object, since an empty one costs a request as well.
    weight: u64,
}

/// Bytes that an object counts beside its own: what is read in the time of a request.
const OBJECT: u64 = 1;

/// The cells of all sources.
#[derive(Debug)]
pub struct Cutter {
    size: ShardSize,
    most: usize,
    /// The weight from which a cell is full.
    full: u64,
    cells: Vec<Cell>,
    last_key: String,
}

impl Cutter {
    /// Returns a cutter for so many sources, which must come in order.
    pub fn new(size: ShardSize) -> Self {
        let (shards, full) = match size {
            ShardSize::Count(shards) => (shards, 1),
            ShardSize::Bytes(bytes, most) => (most, bytes / FINE as u64),
        };
        Self {
            size,
            most: shards.saturating_mul(FINE).clamp(FEWEST, MOST),
            full: full.max(1),
            cells: Vec::new(),
            last_key: String::new(),
        }
    }

    /// Begins the next source, whether it holds something or not.
    pub fn begin(&mut self, source: usize) {
        self.cells.push(Cell { source, ..Cell::default() });
        self.last_key.clear();
    }

    /// Takes the next object of the source that was begun last, in key order.
    pub fn add(&mut self, listed: CutObject<'_>) {
        let CutObject { source, key, bytes } = listed;
        let begins = match (self.cells.last(), key) {
            (Some(cell), Some(key)) => {
                // Versions of a key stay together, and a key out of order begins no cell.
                cell.objects > 0 && cell.weight >= self.full && key > self.last_key.as_str()
            }
            _ => false,
        };
        if begins && let Some(key) = key {
            if self.cells.len() >= self.most {
                self.coarsen();
            }
            if self.cells.last().is_some_and(|cell| cell.weight >= self.full) {
                self.cells.push(Cell { source, from: key.to_owned(), ..Cell::default() });
            }
        }
        if let Some(key) = key
            && key > self.last_key.as_str()
        {
            key.clone_into(&mut self.last_key);
        }
        if let Some(cell) = self.cells.last_mut() {
            cell.objects += 1;
            cell.bytes += bytes;
            cell.weight += bytes + OBJECT;
        }
    }

    /// Makes the cells larger until there is room for half as many more.
    fn coarsen(&mut self) {
        let before = self.cells.len();
        while self.cells.len() > self.most / 2 {
            self.full = self.full.saturating_mul(2);
            let mut joined: Vec<Cell> = Vec::with_capacity(self.cells.len());
            for cell in self.cells.drain(..) {
                match joined.last_mut() {
                    Some(last) if last.source == cell.source && last.weight < self.full => {
                        last.objects += cell.objects;
                        last.bytes += cell.bytes;
                        last.weight += cell.weight;
                    }
                    _ => joined.push(cell),
                }
            }
            self.cells = joined;
            // Sources are never joined.
            if self.full == u64::MAX {
                self.most = self.most.max(before * 2);
                break;
            }
        }
    }

    /// Returns the shards.
    pub fn finish(self) -> Vec<Shard> {
        let total: u64 = self.cells.iter().map(|cell| cell.weight).sum();
        let count = match self.size {
            ShardSize::Count(shards) => shards.max(1),
            ShardSize::Bytes(bytes, most) => {
                let needed = total.div_ceil(bytes.max(1)).max(1);
                usize::try_from(needed).unwrap_or(usize::MAX).min(most.max(1))
            }
        };
        let mut shards = vec![Shard::default(); count];
        let (mut before, mut at) = (0_u128, 0);
        for cell in &self.cells {
            // The shard in which the middle of the cell lies. No cell goes back.
            let middle = before * 2 + u128::from(cell.weight);
            let wanted = middle * count as u128 / (u128::from(total.max(1)) * 2);
            at = usize::try_from(wanted).unwrap_or(usize::MAX).clamp(at, count - 1);
            before += u128::from(cell.weight);
            put(&mut shards, at, cell);
        }
        shards
    }
}

/// Adds a cell to a shard.
fn put(shards: &mut [Shard], at: usize, cell: &Cell) {
    if !cell.from.is_empty()
        && let Some(open) = shards[..=at].iter_mut().rev().find_map(|shard| shard.ranges.last_mut())
        && open.to.is_none()
    {
        open.to = Some(cell.from.clone());
    }
    let shard = &mut shards[at];
    shard.objects += cell.objects;
    shard.bytes += cell.bytes;
    match shard.ranges.last_mut() {
        Some(range) if range.source == cell.source => {
            range.objects += cell.objects;
            range.bytes += cell.bytes;
            range.to = None;
        }
        _ => shard.ranges.push(ShardRange {
            source: cell.source,
            from: cell.from.clone(),
            to: None,
            objects: cell.objects,
            bytes: cell.bytes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shards of some sources with objects of these sizes; keys are numbers in order.
    fn cut(size: ShardSize, sources: &[Vec<u64>]) -> Vec<Shard> {
        let mut cutter = Cutter::new(size);
        for (source, sizes) in sources.iter().enumerate() {
            cutter.begin(source);
            for (n, &bytes) in sizes.iter().enumerate() {
                cutter.add(CutObject { source, key: Some(&format!("{n:09}")), bytes });
            }
        }
        cutter.finish()
    }

    fn check(shards: &[Shard], sources: &[Vec<u64>]) {
        let ranges: Vec<&ShardRange> = shards.iter().flat_map(|shard| &shard.ranges).collect();
        for (source, sizes) in sources.iter().enumerate() {
            let mine: Vec<_> = ranges.iter().filter(|range| range.source == source).collect();
            assert_eq!(mine.first().map(|range| range.from.as_str()), Some(""), "{source}");
            assert_eq!(mine.last().map(|range| &range.to), Some(&None), "{source}");
            for pair in mine.windows(2) {
                assert_eq!(pair[0].to.as_ref(), Some(&pair[1].from));
            }
            for range in mine {
                let at = |key: &str| key.parse::<usize>().unwrap();
                let from = if range.from.is_empty() { 0 } else { at(&range.from) };
                let held = &sizes[from..range.to.as_deref().map_or(sizes.len(), at)];
                let (objects, bytes) = (held.len() as u64, held.iter().sum::<u64>());
                assert_eq!((range.objects, range.bytes), (objects, bytes), "{range:?}");
            }
        }
        assert!(ranges.is_sorted_by_key(|range| range.source));
        for shard in shards {
            assert_eq!(shard.objects, shard.ranges.iter().map(|range| range.objects).sum::<u64>());
            assert_eq!(shard.bytes, shard.ranges.iter().map(|range| range.bytes).sum::<u64>());
        }
    }

    #[test]
    fn a_number_of_shards_is_kept_whatever_there_is() {
        for count in [1, 2, 7, 64] {
            for sources in
                [vec![vec![]], vec![vec![5], vec![], vec![1, 2, 3]], vec![vec![10; 500], vec![3; 20]]]
            {
                let shards = cut(ShardSize::Count(count), &sources);
                assert_eq!(shards.len(), count);
                check(&shards, &sources);
            }
        }
    }

    #[test]
    fn shards_are_even_though_the_whole_is_not_known_before() {
        // Small days and one large one, in many more keys than there are cells.
        let sizes: Vec<u64> =
            (0..60_000).map(|n| if n / 1000 == 17 { 90_000 } else { 900 + n % 7 * 300 }).collect();
        for size in [ShardSize::Count(60), ShardSize::Bytes(4_000_000, 10_000)] {
            let shards = cut(size, std::slice::from_ref(&sizes));
            check(&shards, std::slice::from_ref(&sizes));
            let mut bytes: Vec<u64> = shards.iter().map(|shard| shard.bytes).collect();
            bytes.sort_unstable();
            let (median, largest) = (bytes[bytes.len() / 2], bytes[bytes.len() - 1]);
            assert!(largest as f64 / median as f64 <= 1.05, "{size:?}: {largest} beside {median}");
        }
        assert_eq!(cut(ShardSize::Bytes(1, 9), &[vec![5; 100]]).len(), 9, "no more than the most");
    }

    #[test]
    fn no_cut_falls_among_versions_or_before_what_has_no_key() {
        let mut cutter = Cutter::new(ShardSize::Count(10));
        cutter.begin(0);
        for key in [Some("a"), Some("a"), Some("a"), None, Some("b"), Some("b")] {
            cutter.add(CutObject { source: 0, key, bytes: 10 });
        }
        let begins: Vec<String> =
            cutter.finish().into_iter().flat_map(|shard| shard.ranges).map(|range| range.from).collect();
        assert_eq!(begins, ["", "b"]);
    }

    proptest::proptest! {
        #[test]
        fn every_object_is_in_one_shard(
            sources in proptest::collection::vec(proptest::collection::vec(0_u64..2000, 0..60), 1..4),
            count in 1_usize..20,
        ) {
            check(&cut(ShardSize::Count(count), &sources), &sources);
            let shards = cut(ShardSize::Bytes(3000, 50), &sources);
            check(&shards, &sources);
        }
    }
}
