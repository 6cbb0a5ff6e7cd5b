//! `cargo bench --manifest-path bench/instructions/Cargo.toml`

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use hallpass_bench_instructions::Bench;
use hallpass_core::Kind;
use hallpass_core::store::Record;

#[library_benchmark]
#[bench::unkeyed(Bench::new(false))]
#[bench::keyed(Bench::new(true))]
#[bench::near(Bench::near())]
fn verify(bench: Bench) -> (bool, Bench) {
    (black_box(bench.verify()), bench)
}

#[library_benchmark]
#[bench::unkeyed(Bench::new(false))]
fn rotate(bench: Bench) -> (bool, Bench) {
    (black_box(bench.rotate()), bench)
}

#[library_benchmark]
#[bench::malformed(Bench::new(false))]
fn parse(bench: Bench) -> (bool, Bench) {
    let verdict = bench.runtime.block_on(bench.tokens.verify(Kind::SESSION, black_box("no token")));
    (verdict.is_err(), bench)
}

#[library_benchmark]
#[bench::session(Bench::new(false))]
fn encode(bench: Bench) -> (Vec<u8>, Bench) {
    (black_box(bench.record.encode()), bench)
}

fn encoded() -> Vec<u8> {
    Bench::new(false).record.encode()
}

#[library_benchmark]
#[bench::session(encoded())]
fn decode(bytes: Vec<u8>) -> Record {
    Record::decode(black_box(&bytes)).expect("what was encoded")
}

library_benchmark_group!(name = hot_path, benchmarks = [verify, rotate, parse, encode, decode]);
main!(library_benchmark_groups = hot_path);
