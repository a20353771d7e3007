#include "scenarios/cli/commands.h"

int main(int argc, char** argv) { return rehearsal::rehearsal_main(argc, argv); }
