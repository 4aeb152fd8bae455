//! A floor plan: blocks on a grid of sites, each coloured by what it holds, with roads between sites as wide as what
//! flows along them.

use std::collections::BTreeSet;

use neurohm_study::record::{Plan, Site};

use super::{Drawn, Key, WIDTH};
use crate::ReportError;
use crate::number::quantity;
use crate::svg::{Anchor, Svg};

/// Colours before they repeat.
const COLOURS: usize = 12;
/// Room above the first row for what enters and leaves.
const TOP: f64 = 34.0;
/// Widest and narrowest road.
const ROADS: [f64; 2] = [0.8, 5.0];

fn class(kind: usize) -> String {
    format!("k{}", kind % COLOURS + 1)
}

/// Draws a floor plan.
///
/// # Errors
/// A site outside the grid; a block with another number of parts than there are kinds.
pub(crate) fn plan(plan: &Plan, id: &str) -> Result<Drawn, ReportError> {
    check(plan)?;
    let cell = WIDTH / plan.columns as f64;
    let most = plan.sites.iter().map(|site| site.blocks.len()).max().unwrap_or(1).max(1);
    let side = (1..).find(|n| n * n >= most).unwrap_or(1);
    let box_side = 0.70 * cell;
    let height = TOP + cell * plan.rows as f64 - (cell - box_side) / 2.0 + 4.0;
    let mut svg = Svg::new(id, WIDTH, height, &plan.caption, &summary(plan));
    let centre = |[x, y]: [usize; 2]| {
        [cell * (x as f64 + 0.5), TOP + cell * (y as f64 + 0.5) - (cell - box_side) / 2.0]
    };

    // Both ways of a road lie side by side, as traffic does on the right.
    let busiest = plan.flows.iter().map(|f| f.amount).fold(0.0, f64::max);
    for flow in &plan.flows {
        let ([x1, y1], [x2, y2]) = (centre(flow.from), centre(flow.to));
        let wide = ROADS[0] + (ROADS[1] - ROADS[0]) * flow.amount / busiest.max(f64::MIN_POSITIVE);
        let ([dx, dy], aside) = ([(x2 - x1) / cell, (y2 - y1) / cell], 3.2);
        let name = |[x, y]: [usize; 2]| format!("({x}, {y})");
        let tip = format!(
            "{} to {}: {} {}",
            name(flow.from),
            name(flow.to),
            quantity(flow.amount, None, &plan.unit),
            plan.label
        );
        let (from, to) = ([x1 - dy * aside, y1 + dx * aside], [x2 - dy * aside, y2 + dx * aside]);
        svg.road(from, to, wide, &tip);
    }
    let first = centre([0, 0]);
    if !plan.gate.is_empty() {
        svg.line("gate", [first[0], 17.0], [first[0], first[1] - box_side / 2.0]);
        svg.text("tick", [first[0] - 4.0, 12.0], Anchor::Start, &plan.gate);
    }
    for site in &plan.sites {
        blocks(&mut svg, plan, site, centre(site.at), box_side, side);
    }

    let used: BTreeSet<usize> =
        (0..plan.kinds.len()).filter(|kind| all_blocks(plan).any(|b| b.parts[*kind] > 0.0)).collect();
    let legend = used
        .into_iter()
        .map(|kind| Key { class: format!("block {}", class(kind)), name: plan.kinds[kind].clone() });
    Ok(Drawn { svg: svg.finish(), legend: legend.collect() })
}

fn all_blocks(plan: &Plan) -> impl Iterator<Item = &neurohm_study::record::Block> {
    plan.sites.iter().flat_map(|site| &site.blocks)
}

fn check(plan: &Plan) -> Result<(), ReportError> {
    let wrong = |problem: String| Err(ReportError::Plan { name: plan.name.clone(), problem });
    let inside = |[x, y]: [usize; 2]| x < plan.columns && y < plan.rows;
    let ends = plan.flows.iter().flat_map(|flow| [flow.from, flow.to]);
    let all = plan.sites.iter().map(|site| site.at).chain(ends);
    match all.into_iter().find(|at| !inside(*at)) {
        Some([x, y]) => return wrong(format!("({x}, {y}) is not one of {} x {}", plan.columns, plan.rows)),
        None if plan.sites.is_empty() => return wrong("it has no site".into()),
        None => {}
    }
    match all_blocks(plan).find(|block| block.parts.len() != plan.kinds.len()) {
        Some(block) => wrong(format!(
            "the block {:?} has {} parts for {} kinds",
            block.name,
            block.parts.len(),
            plan.kinds.len()
        )),
        None => Ok(()),
    }
}

/// The blocks of a site in rows, each with a stripe for each kind.
fn blocks(svg: &mut Svg, plan: &Plan, site: &Site, [x, y]: [f64; 2], box_side: f64, side: usize) {
    let gap = if side > 1 { 2.0 } else { 0.0 };
    let block_side = (box_side - gap * (side as f64 - 1.0)) / side as f64;
    for (number, block) in site.blocks.iter().enumerate() {
        let left = x - box_side / 2.0 + (number % side) as f64 * (block_side + gap);
        let top = y - box_side / 2.0 + (number / side) as f64 * (block_side + gap);
        let held = block.parts.iter().zip(&plan.kinds).filter(|(part, _)| **part > 0.0);
        let held: Vec<String> =
            held.map(|(part, kind)| format!("{kind} {}", crate::number::percent(*part))).collect();
        let words = if held.is_empty() { "empty".into() } else { held.join(", ") };
        let tip = format!("{}: {words}", block.name);
        svg.rect("site", [left, top], [left + block_side, top + block_side], &tip);
        let mut down = top;
        for (kind, part) in block.parts.iter().enumerate().filter(|(_, part)| **part > 0.0) {
            let end = (down + part * block_side).min(top + block_side);
            svg.rect(&format!("fill {}", class(kind)), [left, down], [left + block_side, end], &tip);
            down = end;
        }
    }
}

/// What a reader who cannot see the figure needs.
fn summary(plan: &Plan) -> String {
    let used = all_blocks(plan).filter(|b| b.parts.iter().any(|part| *part > 0.0)).count();
    let all = all_blocks(plan).count();
    let busiest = plan.flows.iter().max_by(|a, b| a.amount.total_cmp(&b.amount));
    let busiest = busiest.map_or(String::new(), |flow| {
        format!(
            " Most {} flow from ({}, {}) to ({}, {}): {}.",
            plan.label,
            flow.from[0],
            flow.from[1],
            flow.to[0],
            flow.to[1],
            quantity(flow.amount, None, &plan.unit)
        )
    });
    format!("{} by {} sites; {used} of {all} blocks hold something.{busiest}", plan.columns, plan.rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_study::record::{Block, Flow};

    fn sample() -> Plan {
        let block = |parts: [f64; 2]| Block { name: "tile".into(), parts: parts.into() };
        Plan {
            name: "p".into(),
            caption: "c".into(),
            columns: 2,
            rows: 1,
            kinds: vec!["conv & pool".into(), "dense".into()],
            sites: vec![
                Site { at: [0, 0], blocks: vec![block([0.5, 0.25])] },
                Site { at: [1, 0], blocks: vec![block([0.0, 0.0])] },
            ],
            flows: vec![Flow { from: [0, 0], to: [1, 0], amount: 4096.0 }],
            label: "of data".into(),
            unit: "bit".into(),
            gate: "in, out".into(),
        }
    }

    #[test]
    fn blocks_have_a_stripe_for_each_kind_they_hold() {
        let drawn = plan(&sample(), "p").unwrap();
        let heights = |class: &str| {
            let rect = drawn.svg.split("<rect ").find(|r| r.contains(&format!("class=\"{class}\""))).unwrap();
            let at = rect.find("height=\"").unwrap() + 8;
            rect[at..].split('"').next().unwrap().parse::<f64>().unwrap()
        };
        assert!((heights("fill k1") / heights("site") - 0.5).abs() < 0.01);
        assert!((heights("fill k2") / heights("site") - 0.25).abs() < 0.01);
        assert!(drawn.svg.contains("conv &amp; pool"));
        assert_eq!(drawn.legend.len(), 2);
    }

    #[test]
    fn a_plan_that_contradicts_itself_is_refused() {
        let mut outside = sample();
        outside.flows[0].to = [0, 1];
        assert!(plan(&outside, "p").unwrap_err().to_string().contains("(0, 1)"));
        let mut parts = sample();
        parts.sites[0].blocks[0].parts.pop();
        assert!(plan(&parts, "p").unwrap_err().to_string().contains("1 parts for 2 kinds"));
        assert!(plan(&Plan { sites: Vec::new(), flows: Vec::new(), ..sample() }, "p").is_err());
    }
}
