# cmake -DBUILD=<build tree> -DLIBDIR=<lib> -DSCRATCH=<folder> -P install.cmake: installs the build,
# moves what was installed, and runs the program there against the library beside it.
cmake_minimum_required(VERSION 3.21)
include(${CMAKE_CURRENT_LIST_DIR}/installed.cmake)
run(text ${SCRATCH}/moved/bin/rehearsal --help)
run(text ldd ${SCRATCH}/moved/bin/rehearsal)
string(FIND "${text}" "${SCRATCH}/moved/" found)
if(found EQUAL -1)
  message(FATAL_ERROR "the installed program does not use the library beside it: ${text}")
endif()
foreach(file include/rehearsal/sim/policy.h include/rehearsal/analysis/results.h
             ${LIBDIR}/librehearsal.so)
  if(NOT EXISTS ${SCRATCH}/moved/${file})
    message(FATAL_ERROR "${file} was not installed")
  endif()
endforeach()
