fn main() {
    speed_feishu_sdk::run(|| None);
}
