//! Parts too large for one PUT: uploaded in pieces, with the condition on the request that completes them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::Barrier;
use std::thread;

use crate::support::s3::{Bucket, Fault, Objects, Server};
use roottrail::source::s3::{S3Session, S3Store, S3Uri};

/// A store whose objects go up in pieces of a thousand bytes.
fn store(server: &Server) -> S3Store {
    server.put("work", Bucket::new(Objects::default()));
    let session = S3Session::start(&server.options()).unwrap();
    session.store(&S3Uri::parse("s3://work/run").unwrap()).unwrap().in_parts_of(1000)
}

fn put(store: &S3Store, bytes: &[u8]) -> Result<bool, String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    store.put_new("parts/a", &mut file)
}

fn held(store: &S3Store) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    store.get("parts/a").unwrap().map(|mut file: File| {
        file.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

#[test]
fn of_many_uploads_in_pieces_at_once_one_wins() {
    let server = Server::start();
    let store = store(&server);
    let start = Barrier::new(12);
    let bytes = |n: u8| [&[n; 4500][..], &[255 - n; 6001]].concat();
    // No upload is completed before all were begun.
    let begun = server.uploads();
    let uploads = begun.clone();
    server.faults(move |one| (one.completes && uploads.begun() < 12).then_some(Fault::Held));
    let won: Vec<u8> = thread::scope(|scope| {
        let writers: Vec<_> = (0..12)
            .map(|n| {
                let (store, start) = (&store, &start);
                scope.spawn(move || {
                    start.wait();
                    put(store, &bytes(n)).unwrap().then_some(n)
                })
            })
            .collect();
        writers.into_iter().filter_map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(won.len(), 1, "{won:?}");
    assert_eq!(held(&store), Some(bytes(won[0])));
    assert_eq!((begun.begun(), begun.open()), (12, 0), "what has lost is not left behind");
    assert_eq!(begun.pieces(), 12 * 11);
    assert_eq!(put(&store, &[7; 10]), Ok(false), "nor does a small one take its place");
    assert_eq!(held(&store), Some(bytes(won[0])));
}

#[test]
fn an_upload_that_fails_on_its_way_leaves_nothing() {
    let server = Server::start();
    let store = store(&server);
    server.faults(|one| (one.key.ends_with("/parts/a") && one.piece == Some(3)).then_some(Fault::Forbidden));
    let failed = put(&store, &[1; 5000]).unwrap_err();
    assert!(failed.contains("AccessDenied"), "{failed}");
    assert_eq!((held(&store), server.uploads().open()), (None, 0));
    // Once for each piece: asked again, and the bytes are the same.
    server.take_asked();
    server.faults(|one| (one.piece.is_some() && one.attempt % 2 == 1).then_some(Fault::SlowDown));
    let bytes: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(put(&store, &bytes), Ok(true));
    assert_eq!((held(&store), server.uploads().open()), (Some(bytes), 0));
}
