#include "scenarios/probe.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

using Json = nlohmann::ordered_json;

void check_keys(const YAML::Node& root, const Source& source) {
  const std::vector<std::string> known{"model", "page", "clicks"};
  check_mapping(root, source);
  for (const auto& pair : root) {
    const std::string& key = pair.first.Scalar();
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse_at(pair.first, source.child(key), unknown_name("key", key, known));
  }
  for (const char* key : {"model", "page"})
    if (!child(root, key).IsDefined()) refuse_at(root, source.child(key), "is missing");
}

const ClickModelEntry& read_entry(const YAML::Node& model, const Source& source) {
  check_mapping(model, source);
  const YAML::Node type = child(model, "type");
  const Source place = source.child("type");
  if (!type.IsDefined()) refuse_at(model, place, "is missing");
  if (!type.IsScalar()) refuse_at(type, place, "expected a name, found " + seen(type));
  return click_models().at(type.Scalar(), where(type, place));
}

/// What one row says of its cells.
struct Row {
  std::vector<double> attraction;
  std::vector<double> satisfaction;
  std::vector<double> examination;
  double heading = 0;

  Fields fields() {
    return Fields()
        .add("attraction", attraction, 0, 1, "P(click | examined) of each item")
        .add("satisfaction", satisfaction, 0, 1, "P(satisfied | click) of each item")
        .add("examination", examination, 0, 1, "P(examined) of each item")
        .add("heading", heading, -1e6, 1e6, "relevance of the heading");
  }
};

/// Puts a row's list behind those of the rows above: all of them give it or none does.
void append(const YAML::Node& node, const Source& source, const std::string& key, std::size_t n,
            const std::vector<double>& from, std::size_t above, std::vector<double>& to) {
  const YAML::Node list = child(node, key);
  if (list.IsDefined() && from.size() != n)
    refuse_at(list, source.child(key),
              fmt::format("has {} entries; the row has {} items", from.size(), n));
  if (list.IsDefined() != (to.size() > 0) && above > 0)
    refuse_at(list.IsDefined() ? list : node, source.child(key),
              "expected in every row of the page or in none");
  to.insert(to.end(), from.begin(), from.end());
}

ProbePage read_page(const YAML::Node& node, const Source& source) {
  if (!node.IsSequence() || node.size() == 0)
    refuse_at(node, source, "expected a list of rows, found " + seen(node));
  ProbePage page;
  for (std::size_t i = 0; i < node.size(); ++i) {
    const YAML::Node at = node[i];
    const Source place = source.child(i);
    Row row;
    row.fields().read(at, place);
    const std::size_t n = row.attraction.size();
    if (n == 0)
      refuse_at(at, place.child("attraction"), "expected a number for each item of the row");
    const std::size_t above = page.attraction.size();
    append(at, place, "satisfaction", n, row.satisfaction, above, page.satisfaction);
    append(at, place, "examination", n, row.examination, above, page.examination);
    page.attraction.insert(page.attraction.end(), row.attraction.begin(), row.attraction.end());
    page.row_offsets.push_back(static_cast<std::uint32_t>(page.attraction.size()));
    page.heading.push_back(row.heading);
  }
  return page;
}

std::vector<std::uint8_t> read_clicks(const YAML::Node& root, const Source& source,
                                      const ProbePage& page) {
  std::vector<std::vector<double>> rows;
  YAML::Node alone;
  alone["clicks"] = child(root, "clicks");
  Fields().add("clicks", rows, 0, 1, "0 or 1 an item").read(alone, source);
  const YAML::Node node = child(root, "clicks");
  const Source place = source.child("clicks");
  const std::size_t n_rows = page.row_offsets.size() - 1;
  if (rows.size() != n_rows)
    refuse_at(node, place, fmt::format("has {} rows; the page has {}", rows.size(), n_rows));
  std::vector<std::uint8_t> clicks;
  for (std::size_t i = 0; i < n_rows; ++i) {
    const std::size_t n = page.row_offsets[i + 1] - page.row_offsets[i];
    if (rows[i].size() != n)
      refuse_at(node[i], place.child(i),
                fmt::format("has {} entries; the page's row has {}", rows[i].size(), n));
    for (std::size_t k = 0; k < n; ++k) {
      if (rows[i][k] != 0 && rows[i][k] != 1)
        refuse_at(node[i][k], place.child(i).child(k),
                  "expected 0 or 1, found " + seen(node[i][k]));
      clicks.push_back(rows[i][k] != 0);
    }
  }
  return clicks;
}

void fill(const ClickModel& model, Probe& probe) {
  const PageCells cells = probe.page.cells();
  probe.examination.resize(cells.size());
  probe.click.resize(cells.size());
  model.marginals(cells, probe.examination, probe.click);
  probe.n_clicks_pmf = model.n_clicks(cells);
  if (probe.clicks.empty()) return;
  probe.conditional.resize(cells.size());
  model.conditional(cells, probe.clicks, probe.conditional);
  probe.log_likelihood = log_likelihood(probe.conditional, probe.clicks);
}

Json rows_of(const Probe& probe, const std::vector<double>& cells) {
  Json rows = Json::array();
  for (std::size_t i = 0; i + 1 < probe.page.row_offsets.size(); ++i)
    rows.push_back(std::vector<double>(cells.begin() + probe.page.row_offsets[i],
                                       cells.begin() + probe.page.row_offsets[i + 1]));
  return rows;
}

}  // namespace

Probe probe(const Tree& tree) {
  const YAML::Node root = tree.root;
  check_keys(root, tree.source);
  const YAML::Node node = child(root, "model");
  const Source place = tree.source.child("model");
  const ClickModelEntry& entry = read_entry(node, place);
  const std::unique_ptr<ClickModel> model = entry.make({node, place});
  Probe probe;
  probe.model = entry.name;
  probe.page = read_page(child(root, "page"), tree.source.child("page"));
  if (entry.uses_satisfaction && probe.page.satisfaction.empty())
    refuse_at(child(root, "page")[0], tree.source.child("page").child(0).child("satisfaction"),
              "is missing; model " + entry.name + " needs it");
  if (child(root, "clicks").IsDefined()) probe.clicks = read_clicks(root, tree.source, probe.page);
  try {
    fill(*model, probe);
  } catch (const Error& error) {  // parameters that this page does not fit
    if (error.kind() != ErrorKind::kInput) throw;
    refuse_at(node, place, error.what());
  }
  return probe;
}

std::string to_json(const Probe& probe) {
  Json json;
  json["examination"] = rows_of(probe, probe.examination);
  json["click"] = rows_of(probe, probe.click);
  json["p_no_click"] = probe.n_clicks_pmf[0];
  json["n_clicks_pmf"] = probe.n_clicks_pmf;
  if (!probe.clicks.empty()) {
    json["conditional_click"] = rows_of(probe, probe.conditional);
    json["log_likelihood"] = probe.log_likelihood;
  }
  return json.dump() + "\n";
}

std::string to_text(const Probe& probe) {
  const bool clicks = !probe.clicks.empty();
  std::string text = probe.model + "\n\n row  item  attraction  examination     click";
  text += clicks ? "  clicked  given clicks before\n" : "\n";
  for (std::size_t i = 0; i + 1 < probe.page.row_offsets.size(); ++i)
    for (std::size_t r = probe.page.row_offsets[i]; r < probe.page.row_offsets[i + 1]; ++r) {
      text += fmt::format("{:>4}  {:>4}  {:>10.6f}  {:>11.6f}  {:>8.6f}", i + 1,
                          r - probe.page.row_offsets[i] + 1, probe.page.attraction[r],
                          probe.examination[r], probe.click[r]);
      if (clicks) text += fmt::format("  {:>7}  {:>19.6f}", probe.clicks[r], probe.conditional[r]);
      text += "\n";
    }
  text += "\nclicks  probability\n";
  for (std::size_t k = 0; k < probe.n_clicks_pmf.size(); ++k)
    text += fmt::format("{:>6}  {:>11.6f}\n", k, probe.n_clicks_pmf[k]);
  if (clicks) text += fmt::format("\nlog-likelihood of the clicks: {:.6f}\n", probe.log_likelihood);
  return text;
}

}  // namespace rehearsal
