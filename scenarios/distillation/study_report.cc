#include "scenarios/distillation/study_report.h"

#include "scenarios/distillation/acceptance.h"

namespace rehearsal {

std::string distillation_tables(const Study& study, const std::vector<StudyJob>& jobs,
                                const std::vector<Results>& results) {
  if (jobs.empty() || jobs[0].distillation == nullptr) return "";
  const std::vector<StudyCell> cells = study.cells();
  std::vector<Runs> runs(cells.size());
  for (std::size_t j = 0; j < jobs.size(); ++j) runs[jobs[j].cell].push_back(&results[j]);
  std::string text;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    text += "\n";
    for (const auto& [key, value] : cells[c]) text += key + "=" + value + "\n";
    text += arms_table(runs[c]) + "\n" + to_text(points_of(runs[c]));
  }
  const bool of_data = study.grid.size() == 1 && study.grid[0].first.ends_with(".log.pages");
  if (of_data) text += "\n" + to_text({data_point(runs.front(), runs.back())});
  return text;
}

}  // namespace rehearsal
