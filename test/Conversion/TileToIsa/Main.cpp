// The main function of the tile program tests.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
