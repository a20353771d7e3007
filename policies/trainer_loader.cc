#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "sim/core/error.h"
#include "sim/scripted_module.h"
#include "sim/trainer.h"

namespace rehearsal {

namespace {

/// The folder of the library that this code is in.
std::filesystem::path library_folder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&load_trainer), &info) == 0 || !info.dli_fname)
    throw Error(ErrorKind::kRuntime, "training library: cannot tell where librehearsal.so is");
  return std::filesystem::absolute(info.dli_fname).parent_path();
}

/// librehearsal_train, opened once; tried again after a failure.
void* open_library() {
  const std::filesystem::path file = library_folder() / "librehearsal_train.so";
  if (!std::filesystem::exists(file))
    throw Error(ErrorKind::kRuntime, "training library " + file.string() +
                                         " is not there: build with -DREHEARSAL_TORCH=ON "
                                         "(needs libtorch) for neural policies");
  // OpenBLAS reads it when it is loaded; more threads would change the bits of its sums.
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(ErrorKind::kRuntime, std::string("training library: ") + dlerror());
  return library;
}

void* symbol(const char* name) {
  static void* const library = open_library();  // by one thread while others wait
  void* found = dlsym(library, name);
  if (found == nullptr)
    throw Error(ErrorKind::kRuntime,
                std::string("librehearsal_train.so has no '") + name + "': it is of another build");
  return found;
}

}  // namespace

Trainer& load_trainer() {
  static Trainer& trainer = *reinterpret_cast<Trainer* (*)()>(symbol("rehearsal_trainer"))();
  return trainer;
}

std::unique_ptr<ScriptedModule> load_scripted_module(const std::filesystem::path& file) {
  using Load = ScriptedModule* (*)(const std::filesystem::path&);
  static const Load load = reinterpret_cast<Load>(symbol("rehearsal_load_scripted_module"));
  return std::unique_ptr<ScriptedModule>(load(file));
}

}  // namespace rehearsal
