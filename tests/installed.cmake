# What tests of an installation share. Args: BUILD: build tree.  SCRATCH: folder.

# Runs a command that must succeed; what it printed goes into `out`.
function(run out)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGN}: status ${status}: ${text}")
  endif()
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

# Installs the build and moves what was installed to ${SCRATCH}/moved.
file(REMOVE_RECURSE ${SCRATCH})
run(text ${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/first)
file(RENAME ${SCRATCH}/first ${SCRATCH}/moved)
