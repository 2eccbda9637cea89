fn main() {
    speed_larkwire::run(|| None);
}
