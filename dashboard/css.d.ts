// the build hands style sheets to the script as text
declare module '*.css' {
  const text: string;
  export default text;
}
