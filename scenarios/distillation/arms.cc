#include "scenarios/distillation/arms.h"

#include <algorithm>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// The rounds of a source before a day.
RoundSource rounds_before(RoundSource source, std::int64_t day) {
  const auto read = source.read;
  source.read = [read, day](std::size_t shard, const Columns& columns) {
    const LogBatch all = read(shard, columns);
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < all.size(); ++i)
      if (all.requests.day.at(i) < day) rows.push_back(i);
    if (rows.size() == all.size()) return all;
    return LogBatch{gather(all.requests, rows), gather(all.pages, rows),
                    gather(all.propensities, all.pages, rows),
                    gather(all.responses, all.pages, rows)};
  };
  return source;
}

}  // namespace

std::shared_ptr<Policy> Teacher::on(const Domain& domain) const {
  std::shared_ptr<Policy> copy = ranker_of(spec->ranker, spec->name, domain);
  copy->set_state(policy->state());
  return copy;
}

Teacher train_teacher(const TeacherSpec& spec, const Domain& domain, const RoundSource& log,
                      const RunOptions& options) {
  Teacher teacher{&spec, ranker_of(spec.ranker, spec.name, domain)};
  teacher.policy->fit(
      {rounds_before(log, spec.until_day), domain.live_rng, spec.name, options.progress, {}, {}});
  return teacher;
}

Labels write_labels(const std::vector<Teacher>& teachers, const Domain& domain,
                    const RoundSource& rounds, const std::filesystem::path& folder) {
  Labels labels;
  for (const Teacher& teacher : teachers) {
    const std::filesystem::path own = folder / teacher.spec->name;
    std::filesystem::create_directories(own.parent_path());
    const std::shared_ptr<Policy> here = teacher.on(domain);
    write_teacher_labels(as_multi_task_ranker(*here, teacher.spec->name), teacher.spec->name,
                         rounds, own, teacher.spec->hidden);
    labels.emplace(teacher.spec->name, open_labels(own));
  }
  return labels;
}

std::shared_ptr<Policy> train_arm(const ArmSpec& arm, const std::vector<Teacher>& teachers,
                                  const Domain& domain, const Lessons& lessons,
                                  const std::string& name, ProgressSink* progress) {
  if (!arm.zero_shot.empty())
    for (const Teacher& teacher : teachers)
      if (teacher.spec->name == arm.zero_shot) return teacher.on(domain);
  std::shared_ptr<Policy> policy = ranker_of(arm.ranker, name, domain);
  policy->fit(
      {lessons.rounds, domain.live_rng, name, progress, lessons.labels, lessons.other_domain});
  return policy;
}

}  // namespace rehearsal
