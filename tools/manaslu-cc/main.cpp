// manaslu-cc: the user's command. Everything is in lib/Driver.
#include "manaslu/Driver.h"

int main(int argumentCount, char **arguments) { return manaslu::runCommandLine(argumentCount, arguments); }
