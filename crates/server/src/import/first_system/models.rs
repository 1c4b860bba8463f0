//! `big-agi-llms.db`: services with their keys, models, and which model does what.

use holdfast_store::foreign::{Foreign, Row};
use holdfast_store::{Json, Kind};

use super::each_row;
use super::fields::{Fields, null, text};
use crate::import::ImportError;
use crate::import::bundle::Bundle;

pub(super) const LOST: &[&str] = &[
    "of models, parameter specifications, hidden, pubDate, the user's limits and prices, and what is a clone; refresh \
     each service in the app",
    "of model assignments, the parameters",
];

pub(super) fn read(file: &Foreign, bundle: &mut Bundle) -> Result<(), ImportError> {
    let (mut services, mut models, mut assignments) = (Vec::new(), Vec::new(), Vec::new());
    let mut chosen = None;
    each_row(file, bundle, ("llm_services", Kind::LlmService), |row| {
        let service = Fields::of(row).text("id", "id")?.text("label", "label")?.text("vId", "vendor_id")?;
        services.push(service.json("setup", "setup")?.object());
        Ok(())
    })?;
    each_row(file, bundle, ("llm_models", Kind::LlmModel), |row| {
        models.push(model(row)?);
        Ok(())
    })?;
    each_row(file, bundle, ("llm_assignments", Kind::LlmAssignment), |row| {
        // The app has one way to assign, which that system did not write down.
        let how = Fields::of(row).with("mct", Json::string("model-parametric"));
        let body = how.text("domainId", "domain_id")?.text("modelId", "model_id")?;
        let body = body.number("temperature", "temperature")?.number("maxTokens", "max_tokens")?;
        assignments.push((text(row, "domain_id")?.to_owned(), body.object()));
        Ok(())
    })?;
    each_row(file, bundle, ("llm_store_metadata", Kind::Document), |row| {
        if text(row, "key")? == "conf_service_id" {
            let id = text(row, "value")?;
            chosen = Some(if id.is_empty() { null() } else { Json::string(id) });
        }
        Ok(())
    })?;
    if services.is_empty() && models.is_empty() && assignments.is_empty() {
        return Ok(());
    }
    let assignments = Json::object(assignments.iter().map(|(domain, body)| (domain.as_str(), body)));
    let (services, models) = (Json::array(&services), Json::array(&models));
    let mut state = vec![("llms", &models), ("sources", &services), ("modelAssignments", &assignments)];
    state.extend(chosen.as_ref().map(|id| ("confServiceId", id)));
    bundle.keep_state("app-models", Json::object(state), None)
}

/// Empty parameters where there were none: the app looks into them without asking.
fn model(row: &Row) -> Result<Json, String> {
    let empty = |text: &str| Json::parse(text).map_err(|why| why.to_string());
    let named = Fields::of(row).text("id", "id")?.text("label", "label")?;
    let dated = named.number_as_text("created", "created")?.number_as_text("updated", "updated")?;
    let limits = dated
        .text("description", "description")?
        .nullable("contextTokens", "context_tokens")?
        .nullable("maxOutputTokens", "max_output_tokens")?
        .text("trainingDataCutoff", "training_data_cutoff")?;
    let able = limits
        .json("interfaces", "interfaces")?
        .json("inputTypes", "input_types")?
        .json("benchmark", "benchmark")?
        .json("pricing", "pricing")?
        .with("parameterSpecs", empty("[]")?);
    let set = match super::fields::json(row, "initial_parameters")? {
        Some(parameters) => able.with("initialParameters", parameters),
        None => able.with("initialParameters", empty("{}")?),
    };
    Ok(set
        .text("sId", "service_id")?
        .text("vId", "vendor_id")?
        .text("userLabel", "user_label")?
        .flag("userHidden", "user_hidden")?
        .flag("userStarred", "user_starred")?
        .json("userParameters", "user_parameters")?
        .object())
}
