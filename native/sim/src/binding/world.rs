//! The class `World`.

use super::node::SimNode;
use super::options::{
    JsFlowOptions, JsLoss, JsNodeOptions, JsWorldOptions, flow_of, host_of, loss_of, world_of,
};
use super::values::{JsAudit, JsKind, JsNodeReport, JsUnderlayReport, ms, numbers};
use super::{Result, bad, parse};
use crate::receipts::{Receipts, UNSENT};
use crate::traffic::Count;
use crate::world::World;
use napi::bindgen_prelude::{Float64Array, Uint8Array, Uint32Array};
use napi_derive::napi;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use weft_forward::{FilterMode, SourceFilter};

#[napi(js_name = "World")]
pub struct JsWorld(Rc<RefCell<World>>);

impl JsWorld {
    fn checked(&self, node: u32) -> Result<u32> {
        let known = node < self.0.borrow().len();
        known
            .then_some(node)
            .ok_or_else(|| bad(format!("There is no node {node}.")))
    }

    fn receipts<R>(&self, flow: u32, read: impl FnOnce(&Receipts) -> R) -> Result<R> {
        let world = self.0.borrow();
        let known = world.flow(flow).map(|(_, receipts)| read(receipts));
        known.ok_or_else(|| bad(format!("There is no flow {flow}.")))
    }
}

#[napi]
impl JsWorld {
    #[napi(constructor)]
    pub fn new(seed: f64, options: Option<JsWorldOptions>) -> Result<Self> {
        let options = options.unwrap_or_default();
        let options = world_of(options)?;
        Ok(JsWorld(Rc::new(RefCell::new(World::new(seed as u64, options)))))
    }

    #[napi]
    pub fn now(&self) -> f64 {
        self.0.borrow().now() as f64
    }

    #[napi]
    pub fn add_node(&self, options: Option<JsNodeOptions>) -> Result<u32> {
        let options = host_of(options.unwrap_or_default())?;
        Ok(self.0.borrow_mut().add_host(&options))
    }

    #[napi]
    pub fn endpoint(&self, node: u32) -> Result<String> {
        let node = self.checked(node)?;
        Ok(self.0.borrow().underlay.endpoint(node).to_string())
    }

    #[napi]
    pub fn node(&self, node: u32) -> Result<SimNode> {
        Ok(SimNode::of(self.0.clone(), self.checked(node)?))
    }

    #[napi]
    pub fn local_now(&self, node: u32) -> Result<f64> {
        let node = self.checked(node)?;
        let world = self.0.borrow();
        Ok(world.clock(node).local(world.now()) as f64)
    }

    #[napi]
    pub fn world_time(&self, node: u32, local_us: f64) -> Result<f64> {
        let node = self.checked(node)?;
        Ok(self.0.borrow().clock(node).world(local_us as u64) as f64)
    }

    #[napi]
    pub fn advance(&self, until_us: f64) -> Uint32Array {
        self.0.borrow_mut().advance(until_us as u64).into()
    }

    #[napi]
    pub fn kill(&self, node: u32) -> Result<()> {
        let node = self.checked(node)?;
        self.0.borrow_mut().kill(node);
        Ok(())
    }

    #[napi]
    pub fn restart(&self, node: u32) -> Result<()> {
        let node = self.checked(node)?;
        self.0.borrow_mut().restart(node);
        Ok(())
    }

    #[napi]
    pub fn alive(&self, node: u32) -> Result<bool> {
        let node = self.checked(node)?;
        Ok(self.0.borrow().is_alive(node))
    }

    #[napi]
    pub fn set_partition(&self, node: u32, partition: u32) -> Result<()> {
        let node = self.checked(node)?;
        self.0.borrow_mut().underlay.set_partition(node, partition);
        Ok(())
    }

    #[napi]
    pub fn set_blocked(&self, a: u32, b: u32, blocked: bool) -> Result<()> {
        let (a, b) = (self.checked(a)?, self.checked(b)?);
        self.0.borrow_mut().underlay.set_blocked(a, b, blocked);
        Ok(())
    }

    #[napi(js_name = "move")]
    pub fn relocate(&self, node: u32) -> Result<String> {
        let checked = self.checked(node)?;
        self.0.borrow_mut().underlay.relocate(checked);
        self.endpoint(node)
    }

    #[napi]
    pub fn set_loss(&self, loss: Option<JsLoss>) {
        self.0.borrow_mut().underlay.shape.loss = loss_of(loss);
    }

    #[napi]
    pub fn set_rates(&self, node: u32, up_bps: f64, down_bps: f64) -> Result<()> {
        let node = self.checked(node)?;
        self.0
            .borrow_mut()
            .underlay
            .set_rates(node, up_bps as u64, down_bps as u64);
        Ok(())
    }

    #[napi]
    pub fn direct_ms(&self, from: u32, to: u32) -> Result<f64> {
        let (from, to) = (self.checked(from)?, self.checked(to)?);
        Ok(ms(self.0.borrow().underlay.direct_us(from, to)))
    }

    #[napi]
    pub fn join(
        &self,
        node: u32,
        group: String,
        mode: Option<String>,
        sources: Option<Vec<String>>,
    ) -> Result<()> {
        let node = self.checked(node)?;
        let mode = mode.as_deref().map_or(Ok(FilterMode::Exclude), parse::mode)?;
        let sources = sources.unwrap_or_default();
        let sources = sources
            .iter()
            .map(|s| parse::parsed(s))
            .collect::<Result<Vec<IpAddr>>>()?;
        self.0
            .borrow_mut()
            .join(node, parse::parsed(&group)?, SourceFilter::new(mode, sources));
        Ok(())
    }

    #[napi]
    pub fn leave(&self, node: u32, group: String) -> Result<()> {
        let node = self.checked(node)?;
        self.0.borrow_mut().leave(node, parse::parsed(&group)?);
        Ok(())
    }

    #[napi]
    pub fn inject(&self, node: u32, net: u32, packet: Uint8Array) -> Result<()> {
        let node = self.checked(node)?;
        self.0.borrow_mut().inject(node, net, &packet);
        Ok(())
    }

    #[napi]
    pub fn hoard(&self, node: u32) -> Result<()> {
        let node = self.checked(node)?;
        self.0.borrow_mut().with_node(node, |node, _| node.hoard());
        Ok(())
    }

    #[napi]
    pub fn replay(&self, node: u32, damaged: bool) -> Result<u32> {
        let node = self.checked(node)?;
        let sent = self
            .0
            .borrow_mut()
            .with_node(node, |node, now| node.replay(now, damaged));
        Ok(sent.unwrap_or(0))
    }

    #[napi]
    pub fn forge(&self, node: u32) -> Result<u32> {
        let node = self.checked(node)?;
        let forge = |node: &mut crate::node::Node, now| node.forge(now);
        let sent = self.0.borrow_mut().with_node(node, forge);
        Ok(sent.unwrap_or(0))
    }

    #[napi]
    pub fn add_flow(&self, options: JsFlowOptions) -> Result<u32> {
        self.checked(options.node)?;
        Ok(self.0.borrow_mut().add_flow(flow_of(&options)?))
    }

    #[napi]
    pub fn sent_times(&self, flow: u32) -> Result<Float64Array> {
        let time = |t: &u64| if *t == UNSENT { -1.0 } else { ms(*t) };
        self.receipts(flow, |r| r.sent().iter().map(time).collect::<Vec<f64>>().into())
    }

    #[napi]
    pub fn arrivals(&self, flow: u32, node: u32) -> Result<Uint8Array> {
        self.receipts(flow, |r| r.counts(node).into())
    }

    #[napi]
    pub fn audit(
        &self,
        flow: u32,
        node: u32,
        from_us: f64,
        to_us: f64,
        longer_ms: Option<f64>,
    ) -> Result<JsAudit> {
        let longer = longer_ms.map_or(u64::MAX, parse::us);
        self.receipts(flow, |r| {
            r.audit_gaps(node, from_us as u64, to_us as u64, longer).into()
        })
    }

    #[napi]
    pub fn delays(&self, flow: u32, quantiles: Vec<f64>) -> Result<Vec<f64>> {
        self.receipts(flow, |r| quantiles.iter().map(|q| ms(r.quantile(*q))).collect())
    }

    #[napi]
    pub fn report(&self, node: u32) -> Result<JsNodeReport> {
        let node = self.checked(node)?;
        let world = self.0.borrow();
        let f = world.figures(node);
        Ok(JsNodeReport {
            sent: (&f.sent).into(),
            received: (&f.received).into(),
            casts_sealed: f.casts_sealed as f64,
            copies_own: f.copies_own as f64,
            copies_relayed: f.copies_relayed as f64,
            copies_again: f.copies_again as f64,
            outdegree_max: f.outdegree_max as f64,
            own_by_copies: f.own_by_copies.iter().map(|casts| *casts as f64).collect(),
            casts_unwanted: f.casts_unwanted as f64,
            delivered: f.delivered as f64,
            lost_queue: world.underlay.lost_queue(node) as f64,
            drops: numbers(f.packet_drops),
        })
    }

    #[napi]
    pub fn kinds(&self) -> Vec<JsKind> {
        let kinds = self.0.borrow().kinds();
        let kind = |(name, count): (String, Count)| JsKind {
            name,
            frames: count.frames as f64,
            bytes: count.bytes as f64,
        };
        kinds.iter().map(kind).collect()
    }

    #[napi]
    pub fn underlay(&self) -> JsUnderlayReport {
        let world = self.0.borrow();
        let f = world.underlay.fates;
        let (stress_mean, stress_max) = world.underlay.stress.figures();
        JsUnderlayReport {
            sent: f.sent as f64,
            arrived: f.arrived as f64,
            lost_chance: f.lost_chance as f64,
            lost_queue: f.lost_queue as f64,
            lost_nat: f.lost_nat as f64,
            lost_partition: f.lost_partition as f64,
            lost_dead: f.lost_dead as f64,
            no_route: f.no_route as f64,
            stress_mean,
            stress_max: u32::from(stress_max),
        }
    }

    #[napi]
    pub fn note(&self, bytes: Uint8Array) {
        self.0.borrow_mut().note(&bytes);
    }

    #[napi]
    pub fn digest(&self) -> String {
        self.0.borrow().digest()
    }
}
