#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "sim/core/error.h"
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

Trainer& open_trainer() {
  const std::filesystem::path file = library_folder() / "librehearsal_train.so";
  if (!std::filesystem::exists(file))
    throw Error(ErrorKind::kRuntime, "training library " + file.string() +
                                         " is not there: build with -DREHEARSAL_TORCH=ON "
                                         "(needs libtorch) to train neural policies");
  // OpenBLAS reads it when it is loaded; more threads would change the bits of its sums.
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(ErrorKind::kRuntime, std::string("training library: ") + dlerror());
  void* maker = dlsym(library, "rehearsal_trainer");
  if (maker == nullptr)
    throw Error(ErrorKind::kRuntime,
                "training library " + file.string() + " has no 'rehearsal_trainer'");
  return *reinterpret_cast<Trainer* (*)()>(maker)();
}

}  // namespace

Trainer& load_trainer() {
  // Initialised by one thread while others wait; tried again after a failure.
  static Trainer& trainer = open_trainer();
  return trainer;
}

}  // namespace rehearsal
