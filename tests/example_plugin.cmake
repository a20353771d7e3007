# cmake -DBUILD=<build tree> -DSOURCE=<docs/examples/plugin> -DSCRATCH=<folder>
# -P example_plugin.cmake: installs Rehearsal, builds the example against what was installed with
# its own CMake project, and runs its scenario with the installed program.
cmake_minimum_required(VERSION 3.21)
include(${CMAKE_CURRENT_LIST_DIR}/installed.cmake)
run(text ${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${SCRATCH}/build
    -DCMAKE_PREFIX_PATH=${SCRATCH}/moved -DCMAKE_BUILD_TYPE=Release)
run(text ${CMAKE_COMMAND} --build ${SCRATCH}/build)
run(text ${SCRATCH}/moved/bin/rehearsal run ${SOURCE}/scenario.yaml --out ${SCRATCH}/run
    --set policies.mine.library=${SCRATCH}/build/libmy_policy.so)
if(NOT text MATCHES "\nmine  ")
  message(FATAL_ERROR "the table has no line of the plug-in's policy: ${text}")
endif()
file(REMOVE_RECURSE ${SCRATCH})
