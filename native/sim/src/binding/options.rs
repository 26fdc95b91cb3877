//! What JavaScript says of a world, its hosts and its streams.

use super::{Result, bad, parse};
use crate::clock::Clock;
use crate::flow::{BYTES_MIN, FlowOptions};
use crate::link::Loss;
use crate::node::Plants;
use crate::underlay::{Place, Shape};
use crate::world;
use napi_derive::napi;

/// Longest packet of a flow.
const BYTES_MAX: usize = 65_000;
const QUEUE_BYTES: u64 = 65_536;

#[napi(object, js_name = "Loss")]
pub struct JsLoss {
    pub good: f64,
    pub bad: f64,
    pub good_ms: f64,
    pub bad_ms: f64,
}

#[napi(object, js_name = "WorldOptions")]
#[derive(Default)]
pub struct JsWorldOptions {
    pub regions: Option<u32>,
    pub span_ms: Option<f64>,
    pub access_ms: Option<Vec<f64>>,
    pub jitter_ms: Option<f64>,
    pub loss: Option<JsLoss>,
    pub duplicate: Option<f64>,
    pub reorder: Option<f64>,
    pub nat_idle_s: Option<f64>,
    pub plant_drop_every: Option<u32>,
    pub plant_no_repair: Option<bool>,
    pub plant_no_verify: Option<bool>,
}

#[napi(object, js_name = "NodeOptions")]
#[derive(Default)]
pub struct JsNodeOptions {
    pub nat: Option<String>,
    pub up_bps: Option<f64>,
    pub down_bps: Option<f64>,
    pub queue_bytes: Option<f64>,
    pub clock_offset_ms: Option<f64>,
    pub clock_ppm: Option<i32>,
    pub access_ms: Option<f64>,
    pub region: Option<u32>,
}

#[napi(object, js_name = "FlowOptions")]
pub struct JsFlowOptions {
    pub node: u32,
    pub net: u32,
    pub to: String,
    pub bytes: u32,
    pub every_us: f64,
    pub start_us: f64,
    pub end_us: f64,
}

pub fn loss_of(loss: Option<JsLoss>) -> Loss {
    loss.map_or(Loss::default(), |l| Loss {
        good: l.good,
        bad: l.bad,
        good_us: l.good_ms * 1_000.0,
        bad_us: l.bad_ms * 1_000.0,
    })
}

fn shape_of(o: JsWorldOptions) -> Result<Shape> {
    let mut shape = Shape {
        loss: loss_of(o.loss),
        ..Shape::default()
    };
    if let Some(access) = o.access_ms {
        let [least, most] = access[..] else {
            return Err(bad("accessMs is a range of two."));
        };
        shape.access_us = (parse::us(least), parse::us(most));
    }
    shape.regions = o.regions.unwrap_or(shape.regions);
    shape.span_us = o.span_ms.map_or(shape.span_us, parse::us);
    shape.jitter_us = o.jitter_ms.map_or(shape.jitter_us, |ms| ms * 1_000.0);
    shape.duplicate = o.duplicate.unwrap_or(0.0);
    shape.reorder = o.reorder.unwrap_or(0.0);
    shape.nat_idle_us = o.nat_idle_s.map_or(shape.nat_idle_us, |s| parse::us(s * 1_000.0));
    Ok(shape)
}

pub fn host_of(o: JsNodeOptions) -> Result<world::HostOptions> {
    let place = Place {
        nat: o.nat.as_deref().map(parse::nat).transpose()?.unwrap_or_default(),
        up_bps: o.up_bps.unwrap_or(0.0) as u64,
        down_bps: o.down_bps.unwrap_or(0.0) as u64,
        queue_bytes: o.queue_bytes.map_or(QUEUE_BYTES, |b| b as u64),
        access_us: o.access_ms.map(parse::us),
        region: o.region,
    };
    let clock = Clock {
        offset_us: parse::us(o.clock_offset_ms.unwrap_or(0.0)),
        ppm: o.clock_ppm.unwrap_or(0),
    };
    Ok(world::HostOptions { place, clock })
}

pub fn world_of(o: JsWorldOptions) -> Result<world::WorldOptions> {
    let plants = Plants {
        no_repair: o.plant_no_repair.unwrap_or(false),
        no_verify: o.plant_no_verify.unwrap_or(false),
    };
    let plant_drop_every = o.plant_drop_every.map(u64::from);
    Ok(world::WorldOptions {
        shape: shape_of(o)?,
        plant_drop_every,
        plants,
    })
}

pub fn flow_of(o: &JsFlowOptions) -> Result<FlowOptions> {
    let bytes = o.bytes as usize;
    if !(BYTES_MIN..=BYTES_MAX).contains(&bytes) || o.every_us < 1.0 {
        return Err(bad(format!(
            "A flow's packets have {BYTES_MIN} to {BYTES_MAX} bytes and come every 1 µs or more."
        )));
    }
    Ok(FlowOptions {
        node: o.node,
        net: o.net,
        to: parse::parsed(&o.to)?,
        bytes,
        every_us: o.every_us as u64,
        start_us: o.start_us as u64,
        end_us: o.end_us as u64,
    })
}
