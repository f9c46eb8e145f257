// What the tests look up: the names count.
namespace symbols_library {

int counter[16] = {1};
int zeroed[4096];

int twice(int value) {
  return value + value;
}

}  // namespace symbols_library

extern "C" int plain_c(int value) {
  return symbols_library::twice(value) + symbols_library::counter[0] + symbols_library::zeroed[0];
}
