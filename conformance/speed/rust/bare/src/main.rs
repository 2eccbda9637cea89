fn main() {
    speed_bare::run(|| None);
}
