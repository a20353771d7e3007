# cmake -DSOURCE=<tree> -DVERSION=<x.y.z> -DOUTPUT=<header> -P version.cmake: writes the header that
# says which program this is. Runs at every build and touches the file only when it changes.
set(commit "")
find_package(Git QUIET)
if(Git_FOUND AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} --no-optional-locks describe --always --dirty
                          --abbrev=12 --exclude=*
                  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit ERROR_QUIET
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
set(text "#define REHEARSAL_VERSION \"${VERSION}\"\n#define REHEARSAL_COMMIT \"${commit}\"\n")
set(present "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} present)
endif()
if(NOT present STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
