//! Wall time of every piece of work: `cargo bench -p weft-micro --features wall [-- NAME]`.

use criterion::{Criterion, Throughput};
use std::time::Duration;
use weft_micro::{BATCH, Meter, cases};

const WARM_UP: Duration = Duration::from_millis(500);
const MEASURE: Duration = Duration::from_secs(2);
const SAMPLES: usize = 40;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .warm_up_time(WARM_UP)
        .measurement_time(MEASURE)
        .sample_size(SAMPLES)
        .configure_from_args();
    for case in cases() {
        let mut group = criterion.benchmark_group("micro");
        if case.bytes > 0 {
            group.throughput(Throughput::Bytes(case.bytes as u64));
        }
        group.bench_function(case.name, |bencher| {
            bencher.iter_custom(|turns| {
                let batches = turns.div_ceil(BATCH as u64);
                let mut meter = Meter::new(batches);
                (case.run)(&mut meter);
                // Whole batches only: the share of the turns that were asked for.
                meter
                    .elapsed
                    .mul_f64(turns as f64 / (batches * BATCH as u64) as f64)
            });
        });
        group.finish();
    }
    criterion.final_summary();
}
